"""What the templates hold and what the laptop knows how to treat: neither has anything that the other lacks."""

from infra.check import DEPLOYMENTS
from local import support


def test_the_laptop_lists_every_type_that_occurs_and_no_other(deployments):
    templates = [template for choice in DEPLOYMENTS for template in deployments(choice).templates.values()]
    occurring = {resource["Type"] for template in templates for resource in template["Resources"].values()}
    assert occurring == {row.name for row in support.RESOURCES}

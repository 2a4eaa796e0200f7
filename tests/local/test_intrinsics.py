from local.intrinsics import merge_text, references, replace_text

PSEUDO = {"AWS::Region": "eu-west-1"}


def test_texts_and_pseudo_parameters_merge_around_references():
    value = {"Fn::Join": ["/", ["a", {"Ref": "AWS::Region"}, {"Ref": "It"}, "b"]]}
    assert merge_text(value, PSEUDO) == {"Fn::Join": ["", ["a/eu-west-1/", {"Ref": "It"}, "/b"]]}


def test_text_alone_merges_to_a_string():
    assert merge_text({"Fn::Join": ["", ["x-", {"Ref": "AWS::Region"}]]}, PSEUDO) == "x-eu-west-1"
    assert merge_text({"Ref": "AWS::Region"}, PSEUDO) == "eu-west-1"
    assert merge_text({"Fn::Join": ["", []]}, PSEUDO) == ""


def test_what_is_no_text_stays():
    assert merge_text({"Fn::GetAtt": ["A", "Arn"]}, PSEUDO) == {"Fn::GetAtt": ["A", "Arn"]}
    assert merge_text(7, PSEUDO) == 7


def test_text_is_replaced_between_references():
    value = {"Fn::Join": ["", ["old/", {"Ref": "old"}]]}
    assert replace_text(value, "old", "new") == {"Fn::Join": ["", ["new/", {"Ref": "old"}]]}


def test_references_are_found_however_deep_and_however_written():
    value = [{"a": {"Ref": "A"}}, {"Fn::GetAtt": ["B", "Arn"]}, {"Fn::GetAtt": "C.Arn"}, {"Fn::Sub": "${D}-${E.Arn}"}]
    assert sorted(references(value)) == ["A", "B", "C", "D", "E"]

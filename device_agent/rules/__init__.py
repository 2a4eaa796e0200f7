"""Rules at the edge: they watch what the pipeline lets through, act, and say so, with or without a network."""

from device_agent.rules.rules import Rules, RuleStatus
from device_agent.rules.settings import Action, EdgeRule, RulesSettings, parse_rules

__all__ = ["Action", "EdgeRule", "RuleStatus", "Rules", "RulesSettings", "parse_rules"]

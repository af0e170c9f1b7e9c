"""Rule findings: what a laboratory's own rules say beside the model's answer."""

from flowml.gating.rules.find import RULES, evidence_of, rule_findings
from flowml.gating.rules.finding import RuleFinding

__all__ = ["RULES", "RuleFinding", "evidence_of", "rule_findings"]

"""What a writer of rules notices of tools/check-catalogue.py, and that the catalogue itself is sound."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
from decimal import Decimal

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from catalogue_reference import jsonpath  # noqa: E402
from catalogue_reference.evaluate import Resource, evaluate  # noqa: E402
from catalogue_reference.jsonpath import MISSING, PathError  # noqa: E402
from catalogue_reference.operators import holds  # noqa: E402


def clause(operator, path, desired="", source="CONFIGURATION"):
    return {"operator": operator, "featurePath": path, "featureSource": source, "desired": desired}


def rule(**changes):
    """A sound rule on disks; a change of None leaves the member out."""
    whole = {
        "identifier": "own-rule", "name": "Own rule", "description": "Large enough.",
        "resourceTypes": ["ACS::ECS::Disk"], "triggers": ["ConfigurationItemChangeNotification"], "riskLevel": 2,
        "labels": [], "parameters": [{"name": "size", "required": True, "default": "40", "description": "GiB"}],
        "source": {"identifierStatus": "own", "confidence": "derived"},
        "appliesWhen": {"operator": "and", "children": [clause("StringEquals", "$.Type", "data")]},
        "requiredProperties": ["$.Size"],
        "condition": {"operator": "and", "children": [clause("GreaterOrEquals", "$.Size", "${size}")]},
        "cases": [
            {"name": "large", "expect": "COMPLIANT", "configuration": {"Type": "data", "Size": 40}},
            {"name": "small", "expect": "NON_COMPLIANT", "configuration": {"Type": "data", "Size": 39}},
            {"name": "system", "expect": "NOT_APPLICABLE", "configuration": {"Type": "system", "Size": 1}},
            {"name": "unknown", "expect": "INSUFFICIENT_DATA", "configuration": {"Type": "data"}},
        ],
    }
    whole.update(changes)
    return {name: value for name, value in whole.items() if value is not None}


def check(text):
    """(exit status, output) of the checker on one rule file."""
    with tempfile.TemporaryDirectory() as directory:
        room = pathlib.Path(directory) / "rules"
        room.mkdir()
        path = room / "own-rule.json"
        path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
        done = subprocess.run([sys.executable, str(ROOT / "tools" / "check-catalogue.py"), str(path)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout.decode("utf-8")


class Checker(unittest.TestCase):
    def refused(self, text, where, reason):
        status, output = check(text)
        self.assertEqual(status, 1, output)
        self.assertIn("own-rule.json: %s: " % where, output)
        self.assertIn(reason, output)

    def test_the_whole_catalogue_is_sound(self):
        done = subprocess.run([sys.executable, str(ROOT / "tools" / "check-catalogue.py")], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        self.assertEqual(done.returncode, 0, done.stdout.decode("utf-8")[-4000:])
        self.assertRegex(done.stdout.decode("utf-8").splitlines()[-1], r"^[0-9]{4,} passed, 0 failed$")

    def test_a_sound_rule_passes(self):
        status, output = check(rule())
        self.assertEqual((status, output.splitlines()[-1]), (0, "6 passed, 0 failed"))

    def test_unknown_and_missing_members_are_named(self):
        self.refused(rule(colour="red"), "$", "unknown member colour")
        self.refused(rule(riskLevel=None), "$", "member riskLevel is missing")
        self.refused(rule(labels="ECS"), "$.labels", "wrong type")
        self.refused(rule(riskLevel=4), "$.riskLevel", "must be 1, 2 or 3")

    def test_a_rule_has_either_a_condition_or_says_what_is_missing(self):
        self.refused(rule(missing="no data"), "$", "exactly one of condition and missing")
        self.refused(rule(condition=None), "$", "exactly one of condition and missing")

    def test_a_scheduled_rule_has_a_frequency(self):
        self.refused(rule(triggers=["ScheduledNotification"]), "$.maximumExecutionFrequency", "scheduled rules")
        self.refused(rule(maximumExecutionFrequency="One_Hour"), "$.maximumExecutionFrequency", "scheduled rules")

    def test_wrong_clauses_are_found_where_they_are(self):
        def tree(*children):
            return rule(condition={"operator": "and", "children": list(children)})
        good = clause("Exists", "$.Size")
        self.refused(tree(good, clause("Equalish", "$.Size", "1")), "$.condition.children[1].operator", "Equalish")
        self.refused(tree(clause("Equals", "$.Size[", "1")), "$.condition.children[0].featurePath", "expected")
        self.refused(tree(clause("Equals", "$.Size", "${length}")), "$.condition.children[0].desired", "length")
        self.refused(tree(clause("Equals", "$.Size", "1", "CONFIG")), "$.condition.children[0].featureSource", "CONFIG")
        self.refused(tree({"operator": "or", "children": []}), "$.condition.children[0].children", "1 to 20")
        without = {name: value for name, value in clause("Equals", "$.Size").items() if name != "desired"}
        self.refused(tree(without), "$.condition.children[0]", "needs desired")

    def test_groups_do_not_nest_without_end(self):
        tree = clause("Exists", "$.Size")
        for _ in range(6):
            tree = {"operator": "and", "children": [tree]}
        self.refused(rule(condition=tree), "$.condition" + ".children[0]" * 5, "more than 5 levels")

    def test_a_case_that_fails_tells_both_verdicts(self):
        cases = rule()["cases"]
        cases[1]["expect"] = "COMPLIANT"
        self.refused(rule(cases=cases), "$.cases[1]", "small: expected COMPLIANT, got NON_COMPLIANT")

    def test_what_is_known_must_suffice(self):
        whole = rule(sufficientWhen={"operator": "and", "children": [clause("Exists", "$.limit", "", "PARAMETER")]})
        whole["parameters"].append({"name": "limit", "required": False, "description": "GiB"})
        for case in whole["cases"]:
            case["parameters"] = {"limit": "1"}
        del whole["requiredProperties"], whole["cases"][3]
        self.refused(whole, "$.cases", "INSUFFICIENT_DATA")
        whole["cases"].append({"name": "no limit", "expect": "INSUFFICIENT_DATA",
                               "configuration": {"Type": "data", "Size": 40}})
        status, output = check(whole)
        self.assertEqual((status, output.splitlines()[-1]), (0, "6 passed, 0 failed"), output)
        whole["sufficientWhen"]["children"][0]["operator"] = "Existing"
        self.refused(whole, "$.sufficientWhen.children[0].operator", "Existing")

    def test_each_verdict_must_be_shown(self):
        self.refused(rule(cases=rule()["cases"][:2]), "$.cases", "NOT_APPLICABLE")

    def test_no_json_is_an_input_error(self):
        for text in ("{", '{"name": "a", "name": "b"}'):
            status, output = check(text)
            self.assertEqual(status, 2, output)
            self.assertIn("own-rule.json: $: ", output)


class Verdicts(unittest.TestCase):
    def verdict(self, configuration, given=None, related=None, **changes):
        resource = Resource(configuration, {"tags": {"env": "prod"}}, related or {}, "2026-01-01T00:00:00Z")
        return evaluate(rule(**changes), resource, given or {})

    def test_the_order_of_the_steps(self):
        needs = [{"name": "size", "required": True, "description": "GiB"}]
        self.assertEqual(self.verdict(None, parameters=needs)[1], "parameter size is not set")
        self.assertEqual(self.verdict(None, missing="Metrics.", condition=None)[1], "Metrics.")
        self.assertEqual(self.verdict(None)[1], "no configuration is recorded")
        self.assertEqual(self.verdict({"Type": "system"})[0], "NOT_APPLICABLE")
        self.assertEqual(self.verdict({"Type": "data"})[1], "$.Size is not recorded")
        self.assertEqual(self.verdict({"Type": "data", "Size": 50}, requiredRelated=["ACS::ECS::Instance"])[1],
                         "no related ACS::ECS::Instance is recorded")
        self.assertEqual(self.verdict({"Type": "data", "Size": 50})[0], "COMPLIANT")

    def test_given_values_stand_above_defaults(self):
        self.assertEqual(self.verdict({"Type": "data", "Size": 50}, {"size": "60"})[0], "NON_COMPLIANT")

    def test_every_source_is_read(self):
        document = {"Type": "data", "Size": 50, "Config": '{"a-b": 1}', "Broken": "{"}
        for one, expected in (
                (clause("Equals", "$.a-b", "1", "CONFIGURATION_FIELD_$.Config"), "COMPLIANT"),
                (clause("Exists", "$.a", "", "CONFIGURATION_FIELD_$.Broken"), "NON_COMPLIANT"),
                (clause("StringEquals", "$.tags.env", "prod", "CONFIGURATION_ITEM"), "COMPLIANT"),
                (clause("Equals", "$.size", "40", "PARAMETER"), "COMPLIANT"),
                (clause("Contains", "$[*].Id", "i-2", "RELATED:ACS::ECS::Instance"), "COMPLIANT"),
                (clause("IsEmpty", "$", "", "RELATED:ACS::ECS::Image"), "COMPLIANT")):
            related = {"ACS::ECS::Instance": [{"Id": "i-1"}, {"Id": "i-2"}]}
            got = self.verdict(document, related=related, condition={"operator": "and", "children": [one]})
            self.assertEqual(got[0], expected, one)


class Paths(unittest.TestCase):
    DOCUMENT = json.loads("""{"State": "on", "Cores": 4, "None": null, "Net": {"Rule": [
        {"Kind": "in", "Port": "22/22", "Rank": 1, "From": ["any"]},
        {"Kind": "out", "Port": "80/80", "Rank": "100"}]}}""", parse_int=Decimal)

    def test_features(self):
        ports = ["22/22", "80/80"]
        for path, expected in {
                "$.State": "on", "$['State']": "on", "$.Memory": MISSING, "$.None": None, "$..Port": ports,
                "$.Net.Rule[*].Port": ports, "$.Net.Rule[0].Port": "22/22", "$.Net.Rule[-1].Port": "80/80",
                "$.Net.Rule[(@.length-1)].Port": "80/80", "$.Net.Rule[9].Port": MISSING, "$.Net[*].Port": [],
                "$.Net.Rule[0:1].Port": ["22/22"], "$.Net.Rule[0]['Port','Kind']": ["22/22", "in"],
                "$.Net.Rule[?(@.Kind=='in' && @.Rank<50)].Port": ["22/22"],
                "$.Net.Rule[?(@.Rank==100)].Kind": ["out"], "$.Net.Rule[?(!@.From)].Kind": ["out"],
                "$.Net.Rule[?(@.From[?(@=='any')])].Kind": ["in"], "$.Net.Rule[?(@.Kind in ['out','up'])].Rank": ["100"],
                "$.Net.Rule[?(search(@.Port,'^2'))].Kind": ["in"], "$.Net.Rule[?(@.Port!=$.State)].Kind": ["in", "out"],
                "$['State','Cores']": ["on", 4]}.items():
            self.assertEqual(jsonpath.parse(path).feature(self.DOCUMENT), expected, path)

    def test_what_is_no_path_is_refused(self):
        for text in ("", "State", "$.", "$.a[", "$.a[0", "$.a b", "$[?(@.a==)]", "$[::0]", "$[?(f(@.a))]", "$['a]"):
            self.assertRaises(PathError, jsonpath.parse, text)


class Errors(unittest.TestCase):
    def test_what_cannot_be_read_is_never_true(self):
        unreadable = {"RegexMatch": "(", "RegexNotMatch": "(", "PortRangesExclude": "ssh", "PortRangesWithin": "ssh",
                      "CidrsContain": "office", "CidrsExclude": "office", "PolicyContainsStatement": "x",
                      "PolicyExcludesStatement": "x", "DaysUntilGreaterOrEquals": "soon", "DaysSinceGreater": "soon",
                      "ArrayLengthLessOrEquals": "few", "VersionGreaterOrEquals": "new", "HasTags": ""}
        for operator, desired in unreadable.items():
            for value in ("a", ["a"], {"a": "b"}, 7):
                self.assertFalse(holds(operator, value, desired, "2026-01-01T00:00:00Z"), (operator, value))


if __name__ == "__main__":
    unittest.main()

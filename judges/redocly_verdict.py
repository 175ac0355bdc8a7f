"""Reads redocly's findings as JSON and fails on warnings too, which redocly itself does not."""

import json
import sys

text = sys.stdin.read()
if not text.strip():
    sys.exit("redocly gave no answer")
problems = json.loads(text)["problems"]
for problem in problems:
    place = problem["location"][0].get("pointer", "") if problem["location"] else ""
    print(problem["severity"], problem["ruleId"], place, problem["message"])
sys.exit(bool(problems))

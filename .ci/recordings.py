"""What a replay says, in a few lines: recordings.py VERSION FLOOR-OF-STEPS FLOOR-OF-STORIES REPORT"""

import json
import sys

version, steps, stories, path = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    summary = json.load(file)["summary"]
for category, of in sorted(summary.items()):
    if of["steps_equal"] < of["steps_total"]:
        print(f"  {category:16} {of['steps_equal']:5} of {of['steps_total']:5} steps")
total = summary["total"]
print(
    f"{version}: {total['steps_equal']} of {total['steps_total']} steps,"
    f" {total['stories_equal']} of {total['stories_total']} stories (floor {steps}, {stories})"
)
sys.exit(total["steps_equal"] < int(steps) or total["stories_equal"] < int(stories))

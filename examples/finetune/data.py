#!/usr/bin/env python3
"""Makes conversations to learn from: requests in the words of a manual, and in people's words.

    data.py FOLDER

writes manual-train.jsonl, manual-test.jsonl, chats-train.jsonl and chats-test.jsonl, a
conversation a line, in the form that `mythos episode import --form chat` takes. No request is
in two of them. The same files come out each time.
"""
import hashlib
import json
import os
import random
import sys

DAYS = [("today", 0), ("tomorrow", 1)]
MINUTES = range(1, 61)

MANUAL = {
    "weather": ["weather {name} {day}", "show weather {name} {day}"],
    "lamp": ["lamp {name} {state}", "set lamp {name} {state}"],
    "timer": ["timer {minutes}", "set timer {minutes}", "start timer {minutes}"],
    "mail": ["mail {name} {day}", "send mail {name} {day}"],
}
CHATS = {
    "weather": ["will it rain in {name} {day}?", "do i need a coat in {name} {day}?", "how warm is {name} {day}?", "{name} {day}: sun or rain?"],
    "lamp": ["turn the light in the {name} {state}", "{name} light {state}, please", "could you switch {state} the {name}?", "i want the {name} light {state}"],
    "timer": ["wake me in {minutes} minutes", "tell me when {minutes} minutes are over", "{minutes} minutes from now, please", "count down {minutes} minutes"],
    "mail": ["write to {name} {day}", "drop {name} a line {day}", "let {name} know {day}", "{name} should hear from me {day}"],
}


# How many requests there are of each form: the manual has many names, people's chats fewer.
MANUAL_NAMES, CHAT_NAMES = 140, 40


def names(seed, count):
    """Made-up names, of three to eight letters."""
    source = random.Random(seed)
    return ["".join(source.choice("bcdfghklmnprstvz" if i % 2 else "aeiou") for i in range(source.randint(3, 8))) for _ in range(count)]


def requests(templates, count):
    for tool, forms in templates.items():
        for form in forms:
            for i, name in enumerate(names(form, count)):
                day, offset = DAYS[i % 2]
                state, minutes = ["on", "off"][i % 2], 1 + i % 60
                answer = {"weather": f"weather city={name} day={offset}", "lamp": f"lamp room={name} {state}",
                          "timer": f"timer minutes={minutes}", "mail": f"mail to={name} day={offset}"}
                yield form.format(name=name, day=day, state=state, minutes=minutes), answer[tool]


def main(folder):
    for name, templates, count in (("manual", MANUAL, MANUAL_NAMES), ("chats", CHATS, CHAT_NAMES)):
        parts = {"train": {}, "test": {}}
        for asked, answer in requests(templates, count):
            parts["test" if hashlib.sha256(asked.encode()).digest()[0] < 32 else "train"][asked] = answer
        for part, conversations in parts.items():
            with open(os.path.join(folder, f"{name}-{part}.jsonl"), "w", encoding="utf-8", newline="\n") as file:
                for asked, answer in conversations.items():
                    file.write(json.dumps({"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])

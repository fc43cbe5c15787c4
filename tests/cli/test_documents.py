"""The documents of the command line say what the program says."""
import os
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("PLUMBLINE_BUILD", ROOT / "build"))
PROGRAM = os.environ.get("PLUMBLINE", str(BUILD / "asan" / "plumbline"))


def output(*arguments):
    return subprocess.run([PROGRAM, *arguments], stdout=subprocess.PIPE, check=True).stdout.decode()


class Documents(unittest.TestCase):
    def test_help_options_and_limits_are_up_to_date(self):
        done = subprocess.run([sys.executable, ROOT / "tools/generate-cli-doc.py", "--check", PROGRAM],
                              stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stderr.decode())

    def test_every_subcommand_has_a_chapter_with_its_help(self):
        text = (ROOT / "docs/cli.md").read_text()
        for name in re.findall(r"^  (\w+) ", output("help"), re.M):
            self.assertIn(f"\n## {name}\n", text)
            if name not in ("help", "version"):
                self.assertIn(f"<!-- generated: help {name} -->", text)

    def test_every_limit_can_be_set(self):
        text = (ROOT / "docs/configuration.md").read_text()
        limits = text[text.index("<!-- generated: limits -->"):]
        for name in re.findall(r"^\| `(--[\w-]+)` \|", limits[:limits.index("<!-- end -->")], re.M):
            self.assertIn(f"\n  {name} ", output("serve", "--help"))


if __name__ == "__main__":
    unittest.main()

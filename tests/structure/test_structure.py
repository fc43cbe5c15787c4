"""The house rules that no compiler enforces hold for the sources as they were built."""
import os
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
OBJECTS = pathlib.Path(os.environ.get("PLUMBLINE_BUILD", ROOT / "build")) / "asan"


class Structure(unittest.TestCase):
    def check(self, tool, *arguments):
        done = subprocess.run([sys.executable, str(ROOT / "tools" / tool), *map(str, arguments)], cwd=ROOT,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_house_rules(self):
        self.check("check-house-rules.py")

    def test_no_file_calls_one_above_it(self):
        self.check("check-circles.py", OBJECTS)


if __name__ == "__main__":
    unittest.main()

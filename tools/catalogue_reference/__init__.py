"""A slow, obvious evaluator of the rule catalogue.

It exists to be read beside the C engine and to disagree with it when one of
the two is wrong. It favours plain code over speed and uses only the standard
library.
"""

"""Leaves out of a data set what should not be learnt, and shows what and why."""

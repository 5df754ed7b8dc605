//! Summaries and intervals for robustness studies. Pure functions of numbers and a seed.

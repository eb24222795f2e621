"""Histograms, quantiles and confidence intervals."""

"""One way to each report: read tables, estimate with intervals, judge claims, write numbers."""

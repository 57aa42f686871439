"""Figures: functions of tables, each with the name that its row in the table of stages has."""

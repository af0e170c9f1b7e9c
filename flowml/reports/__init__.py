"""What people see: result files, metrics, tables, plots."""

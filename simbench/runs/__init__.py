"""Running a request: resolve, plan, train, measure, record, report."""

"""What people read: templates in a sandbox, filters, variables, the standard words."""

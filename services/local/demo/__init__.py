"""The demo: a real transaction log, sent to the CRM as any user would send one."""

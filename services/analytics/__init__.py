"""The analytics service: reads the CRM over HTTP, computes, publishes; never opens its database."""

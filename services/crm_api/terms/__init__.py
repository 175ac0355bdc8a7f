"""One set of terms: what is offered at present to a customer unit for a product, enforced by the database."""

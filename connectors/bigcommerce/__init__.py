"""BigCommerce: customers, newsletter subscribers, orders, products and carts of a store."""

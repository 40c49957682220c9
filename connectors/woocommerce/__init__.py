"""WooCommerce: signed webhooks of customers, orders and products, with consent read from plugins' fields."""

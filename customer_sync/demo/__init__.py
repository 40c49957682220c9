"""The demo shop: two shops full of people who sign up, order, move, agree, leave; told as signed webhooks.

`customer_sync.kit.invented` makes them up, `shop` decides what they do, `shopify` and `woocommerce` tell it in the
words of the platform, `schedule` adds what real deliveries have (repeats, disorder, bursts), `sender` posts them.
"""

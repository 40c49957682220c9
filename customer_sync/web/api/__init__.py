"""`/api/v1`: the functions of `customer_sync.api` behind HTTP.

`table` lists every call; `call` says what a call is; `requests` reads what came, `answers` writes what goes, `routes`
puts both around the functions; `document` describes the table as OpenAPI.
"""

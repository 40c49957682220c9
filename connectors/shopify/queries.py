"""Everything that is asked of the Admin API. The tests check each of these against Shopify's published schema."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

#: Field of a customer → how it is asked for. Each may be left out when the app is not allowed to see it. The phone's
#: consent is asked for in the form that 2026-07 and 2026-10 both know (deprecated in 2026-10).
CUSTOMER: Mapping[str, str] = {
    "createdAt": "createdAt",
    "firstName": "firstName",
    "lastName": "lastName",
    "locale": "locale",
    "state": "state",
    "tags": "tags",
    "note": "note",
    "numberOfOrders": "numberOfOrders",
    "amountSpent": "amountSpent { amount currencyCode }",
    "lastOrder": "lastOrder { processedAt }",
    "defaultEmailAddress": "defaultEmailAddress { emailAddress marketingState marketingOptInLevel marketingUpdatedAt }",
    "defaultPhoneNumber": "defaultPhoneNumber { phoneNumber marketingState marketingOptInLevel marketingUpdatedAt }",
    "defaultAddress": "defaultAddress { city countryCodeV2 zip company }",
}

#: The fields that are null for everybody when protected customer data is not granted; null may also be the truth.
PROTECTED = ("firstName", "lastName", "defaultEmailAddress", "defaultPhoneNumber", "defaultAddress")


def customer(without: Collection[str] = ()) -> str:
    """Return the fields of a customer, without those that the app may not see."""
    return " ".join(["id updatedAt", *(text for name, text in CUSTOMER.items() if name not in without)])


_MONEY = "{ shopMoney { amount currencyCode } }"
_PLACE = "{ firstName lastName address1 city zip province country countryCodeV2 phone }"
#: Field of an order → how it is asked for, without its lines. The money that the buyer saw is not asked for.
ORDER: Mapping[str, str] = {
    **{name: name for name in ("name", "createdAt", "processedAt", "cancelledAt", "test", "tags", "sourceName")},
    **{name: name for name in ("email", "phone", "cartToken", "checkoutToken", "currencyCode", "discountCodes")},
    **{name: name for name in ("displayFinancialStatus", "displayFulfillmentStatus", "paymentGatewayNames")},
    "totalPriceSet": f"totalPriceSet {_MONEY}",
    "currentTotalPriceSet": f"currentTotalPriceSet {_MONEY}",
    "billingAddress": f"billingAddress {_PLACE}",
    "shippingAddress": f"shippingAddress {_PLACE}",
    "customer": (
        "customer { id firstName lastName defaultEmailAddress { emailAddress } defaultPhoneNumber { phoneNumber }"
        " defaultAddress { countryCodeV2 } }"
    ),
    "refunds": f"refunds {{ id totalRefundedSet {_MONEY} }}",
}
#: The same of a product, without its variants.
PRODUCT: Mapping[str, str] = {
    **{name: name for name in ("title", "handle", "descriptionHtml", "status", "vendor", "productType")},
    **{name: name for name in ("createdAt", "publishedAt")},
    "featuredMedia": "featuredMedia { preview { image { url } } }",
    "priceRangeV2": "priceRangeV2 { minVariantPrice { currencyCode } }",
}
_LINE = f"id title sku quantity currentQuantity product {{ id }} variant {{ id }} originalUnitPriceSet {_MONEY}"
#: The picture is asked for in the form that 2026-07 and 2026-10 both know (deprecated): another is a list of its own.
_VARIANT = "id title sku price compareAtPrice inventoryQuantity image { url }"


class Below(NamedTuple):
    """What a record has below it, in pages of its own.

    Args:
        name: the field.
        fields: what is asked of each.
        first: how many come with the record; most have fewer, and each that is asked for costs points.
        typename: GraphQL's name of the record above.
    """

    name: str
    fields: str
    first: int
    typename: str


#: Resource → what a record of it has below it.
BELOW: Mapping[str, Below] = {
    "orders": Below("lineItems", _LINE, 10, "Order"),
    "products": Below("variants", _VARIANT, 10, "Product"),
}
_FIELDS: Mapping[str, Mapping[str, str]] = {"orders": ORDER, "products": PRODUCT}


def fields(resource: str) -> Mapping[str, str]:
    """Return the fields of a record that may be left out, and how each is asked for."""
    return CUSTOMER if resource == "customers" else _FIELDS[resource]


def record(resource: str, without: Collection[str] = ()) -> str:
    """Return the fields of a record without what is below it, and without those that the app may not see."""
    if resource == "customers":
        return customer(without)
    return " ".join(["id updatedAt", *(text for name, text in _FIELDS[resource].items() if name not in without)])


def changes(resource: str = "customers", without: Collection[str] = ()) -> str:
    """Return the query for a page of records in the order in which they changed.

    The store's zone comes with it: webhooks write their times in it, and the days of both must be the same.
    """
    return (
        f"query {resource.capitalize()}($first: Int!, $after: String, $query: String, $reverse: Boolean) {{"
        f" {resource}(first: $first, after: $after, query: $query, sortKey: UPDATED_AT, reverse: $reverse) {{"
        f" pageInfo {{ hasNextPage endCursor }} nodes {{ {record(resource, without)} {_first(resource)} }} }}"
        " shop { ianaTimezone } }"
    )


def more(resource: str) -> str:
    """Return the query for the next page of what a record has below it."""
    below = BELOW[resource]
    return (
        f"query More($id: ID!, $after: String) {{ node(id: $id) {{ ... on {below.typename} {{"
        f" {below.name}(first: 100, after: $after) {{ {_PAGE} nodes {{ {below.fields} }} }} }} }} }}"
    )


def everybody(resource: str = "customers", without: Collection[str] = ()) -> str:
    """Return the query of the bulk operation that writes every record into a file."""
    below = BELOW.get(resource)
    nested = f" {below.name} {{ edges {{ node {{ {below.fields} }} }} }}" if below else ""
    return f"{{ {resource} {{ edges {{ node {{ {record(resource, without)}{nested} }} }} }} }}"


_PAGE = "pageInfo { hasNextPage endCursor }"


def _first(resource: str) -> str:
    below = BELOW.get(resource)
    return f"{below.name}(first: {below.first}) {{ {_PAGE} nodes {{ {below.fields} }} }}" if below else ""


#: Known customers, by id.
BY_ID = (
    f"query Fetch($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Customer {{ {customer()} }} }} shop {{ ianaTimezone }} }}"
)

#: What a customer has of both channels.
_CHANNELS = (
    "id defaultEmailAddress { emailAddress marketingState marketingUpdatedAt }"
    " defaultPhoneNumber { phoneNumber marketingState marketingUpdatedAt }"
)

CONSENT = f"query Consent($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Customer {{ {_CHANNELS} }} }} }}"

EMAIL_OPT_OUT = f"""mutation EmailOptOut($input: CustomerEmailMarketingConsentUpdateInput!) {{
  customerEmailMarketingConsentUpdate(input: $input) {{
    customer {{ {_CHANNELS} }} userErrors {{ field message code }} }} }}"""

SMS_OPT_OUT = f"""mutation SmsOptOut($input: CustomerSmsMarketingConsentUpdateInput!) {{
  customerSmsMarketingConsentUpdate(input: $input) {{
    customer {{ {_CHANNELS} }} userErrors {{ field message code }} }} }}"""

BULK_START = """mutation Start($query: String!, $grouped: Boolean!) {
  bulkOperationRunQuery(query: $query, groupObjects: $grouped) {
    bulkOperation { id status } userErrors { field message code } } }"""

#: The newest come first.
BULK_LIST = """query Operations {
  bulkOperations(first: 25, query: "operation_type:query") { nodes { id status createdAt query type } } }"""

BULK_READ = """query Operation($id: ID!) {
  bulkOperation(id: $id) { id status errorCode objectCount rootObjectCount url createdAt completedAt } }"""

HOOKS = """query Hooks($after: String) {
  webhookSubscriptions(first: 100, after: $after) {
    pageInfo { hasNextPage endCursor } nodes { id topic uri format filter includeFields } } }"""

HOOK_CREATE = """mutation Create($topic: WebhookSubscriptionTopic!, $hook: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $hook) {
    webhookSubscription { id } userErrors { field message } } }"""

HOOK_UPDATE = """mutation Update($id: ID!, $hook: WebhookSubscriptionInput!) {
  webhookSubscriptionUpdate(id: $id, webhookSubscription: $hook) {
    webhookSubscription { id } userErrors { field message } } }"""

HOOK_DELETE = """mutation Delete($id: ID!) {
  webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId userErrors { field message } } }"""

INSTALLATION = """query Installation {
  currentAppInstallation { accessScopes { handle } } publicApiVersions { handle supported }
  shop { primaryDomain { url } } }"""

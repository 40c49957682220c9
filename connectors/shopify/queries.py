"""Everything that is asked of the Admin API. The tests check each of these against Shopify's published schema."""

from __future__ import annotations

from collections.abc import Collection, Mapping

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


def changes(without: Collection[str] = ()) -> str:
    """Return the query for a page of customers in the order in which they changed.

    The store's zone comes with it: webhooks write their times in it, and the days of both must be the same.
    """
    return (
        "query Customers($first: Int!, $after: String, $query: String, $reverse: Boolean) {"
        " customers(first: $first, after: $after, query: $query, sortKey: UPDATED_AT, reverse: $reverse) {"
        f" pageInfo {{ hasNextPage endCursor }} nodes {{ {customer(without)} }} }} shop {{ ianaTimezone }} }}"
    )


def everybody(without: Collection[str] = ()) -> str:
    """Return the query of the bulk operation that writes every customer into a file."""
    return f"{{ customers {{ edges {{ node {{ {customer(without)} }} }} }} }}"


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

BULK_START = """mutation Start($query: String!) {
  bulkOperationRunQuery(query: $query) { bulkOperation { id status } userErrors { field message code } } }"""

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
  currentAppInstallation { accessScopes { handle } } publicApiVersions { handle supported } }"""

"""The stand-in where no client looks closely: queries, sessions, tokens that work once, limits, bulk jobs."""

import csv
import io

import pytest

from connectors.salesforce.fake import soql
from connectors.salesforce.fake.org import make_id
from connectors.salesforce.tests.caller import ANA, KEYS, Org
from connectors.salesforce.tests.test_session import INVITATION, agreed
from customer_sync.kit.connector import parse_time
from customer_sync.kit.reach import Callback

ROWS = [
    {"Id": "a", "Name": "O'Neil", "At": "2026-11-21T10:00:00.000+0000", "Is": True, "Of": {"Name": "x"}, "N": 1},
    {"Id": "b", "Name": None, "At": "2026-11-21T11:00:00.000+0000", "Is": False, "Of": None, "N": 2},
    {"Id": "c", "Name": "Bo", "At": "2026-11-21T11:00:00.500+0000", "Is": False, "Of": {"Name": "y"}, "N": 3},
]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("", "abc"),
        ("WHERE Name = 'O\\'Neil'", "a"),
        ("WHERE Name != null", "ac"),
        ("WHERE Name = null", "b"),
        ("WHERE At > 2026-11-21T11:00:00Z", "c"),
        ("WHERE At >= 2026-11-21T12:00:00+01:00 AND Is = false", "bc"),
        ("WHERE (At < 2026-11-21T10:30:00Z OR N = 3) AND NOT Name = 'Bo'", "a"),
        ("WHERE Id IN ('a', 'c')", "ac"),
        ("WHERE Of.Name = 'y'", "c"),
        ("ORDER BY Name DESC", "acb"),
        ("ORDER BY Is, Id DESC", "cba"),
        ("WHERE Is = false ORDER BY Id LIMIT 1", "b"),
    ],
)
def test_a_query_finds_what_it_asks_for(where, found):
    assert "".join(row["Id"] for row in soql.read(f"SELECT Id FROM Thing {where}").rows(ROWS)) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT",
        "SELECT Id",
        "SELECT Id FROM A WHERE",
        "SELECT Id FROM A LIMIT x",
        "DELETE FROM A",
        "SELECT ; FROM A",
    ],
)
def test_what_is_no_query_is_refused(text):
    org = Org()

    assert get(org, "/query", q=text).json[0]["errorCode"] == "MALFORMED_QUERY"


def get(org, path, session="00DFake0000000a!demo", method="GET", **query):
    headers = {"Authorization": f"Bearer {session}"}
    return org.http.open(f"/services/data/v62.0{path}", method=method, query_string=query, headers=headers)


def token(org, **form):
    form = {**{name: KEYS[name] for name in ("client_id", "client_secret")}, **form}
    return org.http.post("/services/oauth2/token", data=form, base_url="http://org.example")


def test_a_page_address_ends_with_its_session_for_the_old_token_and_the_new():
    org = Org(customers=8, batch=2, session_calls=2)
    first, second = (token(org, grant_type="client_credentials").json["access_token"] for _ in range(2))
    page = (
        get(org, "/query", first, q="SELECT Id FROM Contact")
        .json["nextRecordsUrl"]
        .removeprefix("/services/data/v62.0")
    )

    assert get(org, page, first).status_code == 200
    assert [get(org, page, one).status_code for one in (first, second)] == [401, 401]
    assert get(org, "/query/01gUnknown", second).json[0]["errorCode"] == "INVALID_QUERY_LOCATOR"


def test_a_refresh_token_that_is_used_twice_ends_every_session():
    org = Org()
    query = agreed(org)
    org.connector.accept(Callback(query, b"", org.clock()), INVITATION, org.access)
    old, live = org.vault.values["refresh_token"], org.vault.values["access_token"]
    new = token(org, grant_type="refresh_token", refresh_token=old).json
    assert get(org, "/limits", new["access_token"]).status_code == 200
    again = token(org, grant_type="refresh_token", refresh_token=old)

    assert (again.status_code, again.json["error"]) == (400, "invalid_grant")
    assert [get(org, "/limits", one).status_code for one in (live, new["access_token"])] == [401, 401]
    assert token(org, grant_type="refresh_token", refresh_token=new["refresh_token"]).status_code == 400


def test_user_name_and_password_bring_no_token():
    org = Org()

    assert token(org, grant_type="password", username="a", password="b").json["error"] == "unsupported_grant_type"


def test_every_answer_tells_what_was_used_and_the_last_call_is_refused():
    org = Org(limit=2)
    told = [get(org, "/limits") for _ in range(3)]

    assert [one.headers.get("Sforce-Limit-Info") for one in told[:2]] == ["api-usage=1/2", "api-usage=2/2"]
    assert told[2].status_code == 403
    assert told[2].json[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"


def test_what_is_hidden_is_in_no_description_and_breaks_a_query_that_names_it():
    org = Org(hidden=("Contact.Title",))
    names = [one["name"] for one in get(org, "/sobjects/Contact/describe").json["fields"]]

    assert "Title" not in names
    assert "Email" in names
    assert get(org, "/query", q="SELECT Title FROM Contact").json[0]["errorCode"] == "INVALID_FIELD"
    assert get(org, "/query", q="SELECT Id FROM Contact WHERE Title = 'Dr'").json[0]["errorCode"] == "INVALID_FIELD"


def test_the_bin_is_shown_by_query_all_only_with_who_took_it_in():
    org = Org()
    kept, gone = org.contact(Phone="1"), org.contact(Title="Dr")
    org.fake.merge(kept, gone)
    asked = {"q": "SELECT Id, Title, MasterRecordId, IsDeleted FROM Contact ORDER BY Id"}

    assert [row["Id"] for row in get(org, "/query", **asked).json["records"]] == [kept]
    rows = get(org, "/queryAll", **asked).json["records"]
    assert [(row["Id"], row["MasterRecordId"], row["IsDeleted"]) for row in rows] == [
        (kept, None, False),
        (gone, kept, True),
    ]
    assert rows[0]["Title"] == "Dr"


def test_a_job_runs_and_gives_its_rows_as_csv_by_locator():
    org = Org()
    for number in range(5):
        org.contact(LastName=f'Lux, "{number}"')
    headers = {"Authorization": "Bearer 00DFake0000000a!demo"}
    body = {"operation": "query", "query": "SELECT Id, LastName, HasOptedOutOfEmail, Title FROM Contact ORDER BY Id"}
    job = org.http.post("/services/data/v62.0/jobs/query", json=body, headers=headers).json["id"]
    states = [get(org, f"/jobs/query/{job}").json["state"] for _ in range(3)]
    pages, locator = [], ""
    while locator != "null":
        found = get(org, f"/jobs/query/{job}/results", maxRecords=2, locator=locator)
        pages.append(list(csv.reader(io.StringIO(found.text))))
        locator = found.headers["Sforce-Locator"]

    assert states == ["UploadComplete", "InProgress", "JobComplete"]
    assert [len(page) - 1 for page in pages] == [2, 2, 1]
    assert pages[0][1][1:] == ['Lux, "0"', "false", ""]
    assert get(org, f"/jobs/query/{job}", method="DELETE").status_code == 204
    assert get(org, f"/jobs/query/{job}").status_code == 404


def test_later_ids_are_greater_and_the_same_people_come_at_each_start():
    assert make_id("003", 61) < make_id("003", 62) < make_id("003", 4000)
    one, other = Org(customers=12), Org(customers=12)

    assert one.fake.tables["Contact"] == other.fake.tables["Contact"]
    assert len(one.fake.tables["Lead"]) == 3
    assert ANA not in str(one.fake.tables)


def test_people_who_are_all_of_a_sudden_there_came_before_now():
    org = Org(customers=3)
    org.http.post("/fake/customers/populate", json={"count": 5})
    rows = [row for name in ("Contact", "Lead") for row in org.fake.tables[name].values()]

    assert len(rows) == 8
    assert max(parse_time(row["SystemModstamp"], "").timestamp() for row in rows) <= org.clock()

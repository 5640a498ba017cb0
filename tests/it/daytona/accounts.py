"""Who a caller is, and the keys of an organization, by the clients beneath the SDK."""

import json
import os
import sys
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

from daytona import Daytona, DaytonaConfig, DaytonaError, DaytonaNotFoundError
from daytona_api_client import (
    ApiClient,
    ApiKeysApi,
    ConfigApi,
    Configuration,
    CreateApiKey,
    OrganizationsApi,
    UsersApi,
)
from daytona_api_client.exceptions import ApiException


def client(key=None):
    api = ApiClient(Configuration(host=os.environ["DAYTONA_API_URL"]))
    api.default_headers["Authorization"] = f"Bearer {key or os.environ['DAYTONA_API_KEY']}"
    return api


def who():
    api = client()
    user = UsersApi(api).get_authenticated_user()
    organizations = OrganizationsApi(api).list_organizations()
    assert [one.id for one in organizations] == [user.id], organizations
    assert OrganizationsApi(api).get_organization(user.id).name == user.name
    assert refused(404, lambda: OrganizationsApi(api).get_organization("somebody"))

    daytona = Daytona()
    sandbox = daytona.create()
    assert sandbox.organization_id == user.id
    usage = OrganizationsApi(api).get_organization_usage_overview(user.id)
    used = usage.region_usage[0]
    assert (used.current_cpu_usage, used.current_memory_usage) == (1, 1), used
    assert usage.current_snapshot_usage >= 1
    assert refused(404, lambda: OrganizationsApi(api).get_organization_usage_overview("somebody"))
    members = OrganizationsApi(api).list_organization_members(user.id)
    assert [(one.user_id, one.role) for one in members] == [(user.id, "owner")], members
    roles = OrganizationsApi(api).list_organization_roles(user.id)
    assert [role.id for role in roles] == [role.id for role in members[0].assigned_roles], roles
    assert "write:sandboxes" in roles[0].permissions, roles
    assert refused(404, lambda: OrganizationsApi(api).list_organization_members("somebody"))
    trail(user.id, sandbox.id)
    assert heard("/health/ready")["status"] == "ok"
    for route in ["forks", "ancestors"]:
        assert heard(f"/sandbox/{sandbox.id}/{route}") == []
    sandbox.delete()
    usage = OrganizationsApi(api).get_organization_usage_overview(user.id)
    assert usage.region_usage[0].current_cpu_usage == 0

    regions = OrganizationsApi(api).list_available_regions()
    assert [region.id for region in regions] == [sandbox.target], regions
    assert OrganizationsApi(api).get_region_by_id(sandbox.target).region_type == "shared"
    assert refused(404, lambda: OrganizationsApi(api).get_region_by_id("moon"))
    config = ConfigApi(api).config_controller_get_config()
    assert config.proxy_toolbox_url == sandbox.toolbox_proxy_url, config

    snapshots = daytona.snapshot.list()
    assert "host" in [snapshot.name for snapshot in snapshots.items]
    assert daytona.snapshot.get("host").state == "active"
    try:
        daytona.snapshot.get("nobody-made-it")
        raise AssertionError("there is such a snapshot")
    except DaytonaNotFoundError:
        pass


def trail(organization, sandbox):
    path = f"/audit/organizations/{organization}"
    page = heard(f"{path}?limit=1&targetId={sandbox}")
    assert (page["total"], page["page"], page["totalPages"]) == (1, 1, 1), page
    made = page["items"][0]
    facts = (made["actorId"], made["action"], made["targetType"], made["targetId"])
    assert facts == (organization, "sandbox.create", "sandbox", sandbox), made
    assert made["metadata"]["outcome"] == "ok" and "errorMessage" not in made, made
    assert heard(f"{path}?to=2020-01-01T00:00:00Z")["items"] == []
    assert heard(f"{path}?page=9")["items"] == []
    assert heard("/audit/organizations/somebody")["statusCode"] == 404


def heard(path):
    """The answer of a route that no SDK has a call for."""
    request = urllib.request.Request(os.environ["DAYTONA_API_URL"] + path)
    request.add_header("Authorization", f"Bearer {os.environ['DAYTONA_API_KEY']}")
    try:
        with urllib.request.urlopen(request, timeout=20) as found:
            return json.load(found)
    except urllib.error.HTTPError as error:
        with error:
            return json.load(error)


def keys():
    api = ApiKeysApi(client())
    mine = api.get_current_api_key()
    assert mine.permissions and mine.user_id
    ends = datetime.now(timezone.utc) + timedelta(hours=1)
    wish = CreateApiKey(name="ci", permissions=["write:sandboxes"], expires_at=ends)
    made = api.create_api_key(wish)
    assert "write:sandboxes" in made.permissions and "delete:sandboxes" in made.permissions
    assert abs(made.expires_at - ends) < timedelta(seconds=1), made
    assert refused(409, lambda: api.create_api_key(wish))

    listed = {key.name: key for key in api.list_api_keys()}
    assert {"ci", mine.name} == set(listed), listed
    assert made.value not in listed["ci"].value
    assert api.get_api_key("ci").user_id == mine.user_id

    sandbox = Daytona(DaytonaConfig(api_key=made.value)).create()
    assert Daytona().get(sandbox.id).name == sandbox.name, "it is the same organization"
    sandbox.delete()

    reader = api.create_api_key(CreateApiKey(name="reader", permissions=[]))
    reading = Daytona(DaytonaConfig(api_key=reader.value))
    assert list(reading.list()) == []
    try:
        reading.create()
        raise AssertionError("a reader made a sandbox")
    except DaytonaError as error:
        assert error.status_code == 403, error
    more = CreateApiKey(name="more", permissions=["write:sandboxes"])
    assert refused(403, lambda: ApiKeysApi(client(reader.value)).create_api_key(more))

    for name in ("ci", "reader"):
        assert api.delete_api_key_with_http_info(name).status_code == 204
    assert refused(404, lambda: api.get_api_key("ci"))
    assert refused(401, lambda: ApiKeysApi(client(made.value)).list_api_keys())


def strangers():
    """The key of another organization is in `STRANGER`."""
    own, other = ApiKeysApi(client()), ApiKeysApi(client(os.environ["STRANGER"]))
    for api in (own, other):
        api.create_api_key(CreateApiKey(name="same", permissions=[]))
    theirs = {key.user_id for key in other.list_api_keys()}
    assert theirs.isdisjoint(key.user_id for key in own.list_api_keys())
    own.delete_api_key("same")
    assert other.get_api_key("same").name == "same"
    mine = own.get_current_api_key()
    assert refused(404, lambda: other.get_api_key(mine.name))
    assert refused(404, lambda: other.delete_api_key(mine.name))
    assert refused(404, lambda: other.delete_api_key_for_user(mine.user_id, mine.name))
    other.delete_api_key("same")


def walls():
    """Every route of a sandbox with the key of another organization, and with the right one."""
    sandbox = Daytona().create()
    at = f"/sandbox/{sandbox.id}"
    routes = [
        ("GET", at, None),
        ("GET", f"{at}/toolbox-proxy-url", None),
        ("GET", f"{at}/organization", None),
        ("PUT", f"{at}/labels", {"labels": {"a": "b"}}),
        ("POST", f"{at}/autostop/5", None),
        ("POST", f"{at}/autopause/0", None),
        ("POST", f"{at}/autoarchive/5", None),
        ("POST", f"{at}/autodelete/5", None),
        ("POST", f"{at}/ttl/50", None),
        ("POST", f"{at}/public/false", None),
        ("POST", f"{at}/network-settings", {"networkBlockAll": True}),
        ("POST", f"{at}/last-activity", None),
        ("GET", f"{at}/ports/3000/preview-url", None),
        ("GET", f"{at}/ports/3000/signed-preview-url", None),
        ("POST", f"{at}/ports/3000/signed-preview-url/x/expire", None),
        ("POST", f"{at}/stop", None),
        ("POST", f"{at}/resize", {"cpu": 2}),
        ("POST", f"{at}/start", None),
        ("DELETE", at, None),
    ]
    for method, path, body in routes:
        for reference in (path, path.replace(sandbox.id, sandbox.name)):
            status = answer(os.environ["STRANGER"], method, reference, body)
            assert status == 404, (method, reference, status)
        status = answer(os.environ["DAYTONA_API_KEY"], method, path, body)
        assert status in (200, 201), (method, path, status)
    for path in ("/sandbox", "/sandbox/paginated"):
        assert answer(os.environ["STRANGER"], "GET", path, None) == 200
    other = Daytona(DaytonaConfig(api_key=os.environ["STRANGER"]))
    mine = Daytona().create()
    assert list(other.list()) == [] and [one.id for one in Daytona().list()] == [mine.id]
    mine.delete()


def answer(key, method, path, body):
    request = urllib.request.Request(
        os.environ["DAYTONA_API_URL"] + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def refused(status, call):
    try:
        call()
    except ApiException as error:
        return error.status == status
    return False


globals()[sys.argv[1]]()

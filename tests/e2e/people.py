"""People and keys of a running cloud, so that a test may ask as any of them."""

import httpx

from tests.access_matrix import Answer

PASSWORD = "Matrix-of-2026-cells"


class Asking:
    """The API as `root` (the cloud's administrator) and as everybody that was added."""

    def __init__(self, cloud):
        self._cloud = cloud
        self._http = httpx.Client(base_url=cloud.details["api"], timeout=60, limits=httpx.Limits(max_connections=16))
        self._tokens = {"root": cloud.token, "nobody": None}

    def __call__(self, name, method, path, *, query=None, body=None, headers=None):
        token = self._tokens[name]
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        answer = self._http.request(method, path, params=query, json=body, headers={**(headers or {}), **bearer})
        is_json = "json" in answer.headers.get("content-type", "")
        document = answer.json() if is_json and answer.content else answer.text
        return Answer(answer.status_code, document, dict(answer.headers))

    def add_user(self, name, email, grants):
        """Somebody with a password, as after an invitation that he accepted, and his grants by the API."""
        cognito, pool = self._cloud.aws("cognito-idp"), self._cloud.outputs()["UserPoolId"]
        attributes = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]
        made = cognito.admin_create_user(
            UserPoolId=pool, Username=email, UserAttributes=attributes, MessageAction="SUPPRESS"
        )
        cognito.admin_set_user_password(UserPoolId=pool, Username=email, Password=PASSWORD, Permanent=True)
        sub = next(one["Value"] for one in made["User"]["Attributes"] if one["Name"] == "sub")
        if grants:
            path = f"/users/{sub}/grants"
            shown = self("root", "GET", path)
            replaced = self("root", "PUT", path, body={"grants": grants}, headers={"If-Match": shown.headers["etag"]})
            assert replaced.status == 200, replaced
        signed_in = self("nobody", "POST", "/auth/login", body={"user": email, "password": PASSWORD})
        assert signed_in.status == 200, signed_in
        self._tokens[name] = signed_in.document["access_token"]
        return sub

    def add_device_key(self, name, device):
        made = self("root", "POST", f"/devices/{device}/keys", body={"name": "Matrix"})
        assert made.status == 201, made
        self._tokens[name] = made.document["key"]

    def token(self, name):
        return self._tokens[name]

    def close(self):
        self._http.close()

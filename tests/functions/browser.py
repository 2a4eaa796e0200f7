"""The function that signs in, called as API Gateway calls it for a browser."""

import json
from types import SimpleNamespace

from aws_lambda_powertools import Logger

from functions.api.app import resolver, serve
from functions.api.operations.auth import AuthOperations
from functions.api.request import Request
from functions.routes import ROUTES
from functions.services.sign_in import SignInDesk
from tests.functions import api_description

PASSWORD = "correct Horse 1"
JSON = {"Content-Type": "application/json"}


class Browser:
    """Keeps the cookie, and calls as API Gateway does."""

    def __init__(self, sign_ins, *, secure=True):
        self.cookie = None
        self.answer_headers = {}
        self._app = resolver()
        operations = AuthOperations(Request(self._app), SignInDesk(sign_ins), path="/v1/auth", secure=secure)
        routes = [route for route in ROUTES if route.function == "auth"]
        serve(self._app, {"auth": operations}, Logger(service="test"), routes=routes)

    def post(self, path, body=None, headers=JSON):
        sent = {"Host": "app.example", **headers, **({"Cookie": f"theme=dark; {self.cookie}"} if self.cookie else {})}
        event = {
            "resource": path,
            "path": path,
            "httpMethod": "POST",
            "headers": sent,
            "multiValueHeaders": {name: [value] for name, value in sent.items()},
            "queryStringParameters": None,
            "multiValueQueryStringParameters": None,
            "requestContext": {"requestId": "request-1", "stage": "v1"},
            "body": None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        context = SimpleNamespace(aws_request_id="r", get_remaining_time_in_millis=lambda: 9000)
        answer = self._app.resolve(event, context)
        self.answer_headers = {name: values[-1] for name, values in answer["multiValueHeaders"].items()}
        text = answer.get("body") or ""
        api_description.check("POST", path, event["body"], answer["statusCode"], self.answer_headers, text)
        if "Set-Cookie" in self.answer_headers:
            pair = self.answer_headers["Set-Cookie"].partition(";")[0]
            self.cookie = pair if pair.partition("=")[2] else None
        return answer["statusCode"], json.loads(text) if text else None

    def log_in(self, user="ann@example.org", password=PASSWORD, **options):
        return self.post("/auth/login", {"user": user, "password": password}, **options)

"""What CloudFront does with a request before it passes it on: two small functions in JavaScript."""

from functions.web_files import FILE

PAGES = f"""\
function handler(event) {{
  var request = event.request;
  // An address of the app, not of a file: the app itself knows what is there.
  if (!/{FILE}/.test(request.uri)) request.uri = '/index.html';
  return request;
}}
"""
"""For files alone: an error page of the distribution would take the place of the API's errors too."""

VIEWER = "x-fieldline-viewer"
"""The header with the address of who asks: API Gateway sees CloudFront's."""
EDGE = "x-fieldline-edge"
"""The header by which the web ACL knows that a request came through CloudFront, and so whether to believe the other."""

SAME_HOST = """\
function handler(event) {
  var request = event.request;
  // Behind CloudFront the host is API Gateway's own. This says which one was asked, whatever the viewer claims.
  request.headers['x-forwarded-host'] = { value: request.headers.host.value };
  request.headers['x-fieldline-viewer'] = { value: event.viewer.ip };
  return request;
}
"""
"""For API and WebSocket: a page is of the same origin when its `Origin` names the host that was asked.

A page can set no header of a WebSocket, and none of another origin's requests unasked, so that it cannot claim a host.
"""

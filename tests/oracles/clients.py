"""The official SDKs behind one call: `client(action, **parameters)`, parameters by their names on the wire.

Lists and objects go in as lists and dicts; each SDK flattens them in its own way. Answers are dicts as the SDK decoded
them. A refusal is `Refused`, with what the SDK made of it.
"""

import importlib
import json
import re

from alibabacloud_ecs20140526 import models as ecs_models
from alibabacloud_ecs20140526.client import Client as EcsClient
from alibabacloud_sts20150401 import models as sts_models
from alibabacloud_sts20150401.client import Client as StsClient
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.utils_models import Config
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.auth.credentials import AccessKeyCredential, StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import RpcRequest

KEY = ("oracle-key", "oracle-secret/+=")
REGION = "cn-hangzhou"
STS = ("AssumeRole", "AssumeRoleWithOIDC", "GetCallerIdentity")


class Refused(Exception):
    def __init__(self, status, code, message):
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message


class Tea:
    """alibabacloud_ecs20140526 and alibabacloud_sts20150401."""

    def __init__(self, signature, emulator, key_id, secret, token=None):
        self.signature = signature
        config = dict(
            access_key_id=key_id,
            access_key_secret=secret,
            security_token=token,
            endpoint=emulator.host,
            protocol="http",
            region_id=REGION,
            connect_timeout=60_000,
            read_timeout=60_000,
        )
        if signature == "v1":
            # Version 1 is "v2" to this SDK.
            config["signature_algorithm"] = "v2"
        self.ecs = EcsClient(Config(**config))
        self.sts = StsClient(Config(**config))

    def __call__(self, action, **parameters):
        client, models = (self.sts, sts_models) if action in STS else (self.ecs, ecs_models)
        method = getattr(client, re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=C)(?=$)", "_", action).lower().rstrip("_"))
        try:
            if action == "GetCallerIdentity":
                answer = method()
            else:
                model = getattr(models, f"{action}Request")()
                if action not in STS and hasattr(model, "region_id"):
                    parameters.setdefault("RegionId", REGION)
                answer = method(model.from_map(parameters))
        except AlibabaCloudException as error:
            raise Refused(error.status_code, error.code, error.message) from error
        return answer.body.to_map()


class Core:
    """aliyun-python-sdk-core with aliyun-python-sdk-ecs."""

    signature = "v1"

    def __init__(self, emulator, key_id, secret, token=None):
        self.emulator = emulator
        credential = StsTokenCredential(key_id, secret, token) if token else AccessKeyCredential(key_id, secret)
        # Retries would hide what the emulator said first.
        self.acs = AcsClient(region_id=REGION, credential=credential, auto_retry=False, timeout=60, connect_timeout=60)

    def __call__(self, action, **parameters):
        if action in STS:
            return self.sts(action, parameters)
        module = importlib.import_module(f"aliyunsdkecs.request.v20140526.{action}Request")
        request = getattr(module, f"{action}Request")()
        for name, value in parameters.items():
            if name == "RegionId":
                request.add_query_param(name, value)
                continue
            setter = getattr(request, f"set_{name}", None) or getattr(request, f"set_{name}s")
            setter(value)
        return self.send(request)

    def sts(self, action, parameters):
        request = RpcRequest("Sts", "2015-04-01", action)
        for name, value in parameters.items():
            request.add_query_param(name, value)
        return self.send(request)

    def send(self, request):
        request.set_endpoint(self.emulator.host)
        request.set_protocol_type("http")
        request.set_accept_format("json")
        try:
            return json.loads(self.acs.do_action_with_exception(request))
        except ServerException as error:
            raise Refused(error.get_http_status(), error.get_error_code(), error.get_error_msg()) from error


class Maker:
    def __init__(self, name, make):
        self.name, self.make = name, make

    def __call__(self, *arguments):
        return self.make(*arguments)


ALL = [
    Maker("tea-v3", lambda *a: Tea("v3", *a)),
    Maker("tea-v1", lambda *a: Tea("v1", *a)),
    Maker("core-v1", Core),
]

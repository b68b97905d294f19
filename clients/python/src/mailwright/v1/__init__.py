"""The messages, enums and stubs of the contract ``mailwright.v1``, in one place."""

from .admin_pb2 import *
from .admin_pb2_grpc import *
from .diagnosis_pb2 import *
from .diagnosis_pb2_grpc import *
from .mail_pb2 import *
from .mail_pb2_grpc import *
from .status_pb2 import *
from .status_pb2_grpc import *

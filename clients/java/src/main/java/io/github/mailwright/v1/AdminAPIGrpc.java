package io.github.mailwright.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Administers services and access keys.
 * Needs an access key ("authorization: Bearer KEY") with ROLE_ADMIN. GetServerInfo
 * takes any key; GetService and ListServices take any key for the services it may
 * use. Every RPC can fail with UNAUTHENTICATED, PERMISSION_DENIED,
 * INVALID_ARGUMENT (INVALID_FIELD, UNDECODABLE_REQUEST), RESOURCE_EXHAUSTED
 * (REQUEST_TOO_LARGE, over 1 MiB), UNAVAILABLE (DRAINING, STORE_UNAVAILABLE) and
 * INTERNAL; the comments list what comes on top, as code (reason).
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class AdminAPIGrpc {

  private AdminAPIGrpc() {}

  public static final java.lang.String SERVICE_NAME = "mailwright.v1.AdminAPI";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.CreateServiceRequest,
      io.github.mailwright.v1.CreateServiceResponse> getCreateServiceMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CreateService",
      requestType = io.github.mailwright.v1.CreateServiceRequest.class,
      responseType = io.github.mailwright.v1.CreateServiceResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.CreateServiceRequest,
      io.github.mailwright.v1.CreateServiceResponse> getCreateServiceMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.CreateServiceRequest, io.github.mailwright.v1.CreateServiceResponse> getCreateServiceMethod;
    if ((getCreateServiceMethod = AdminAPIGrpc.getCreateServiceMethod) == null) {
      synchronized (AdminAPIGrpc.class) {
        if ((getCreateServiceMethod = AdminAPIGrpc.getCreateServiceMethod) == null) {
          AdminAPIGrpc.getCreateServiceMethod = getCreateServiceMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.CreateServiceRequest, io.github.mailwright.v1.CreateServiceResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CreateService"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.CreateServiceRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.CreateServiceResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminAPIMethodDescriptorSupplier("CreateService"))
              .build();
        }
      }
    }
    return getCreateServiceMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.GetServiceRequest,
      io.github.mailwright.v1.GetServiceResponse> getGetServiceMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetService",
      requestType = io.github.mailwright.v1.GetServiceRequest.class,
      responseType = io.github.mailwright.v1.GetServiceResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.GetServiceRequest,
      io.github.mailwright.v1.GetServiceResponse> getGetServiceMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.GetServiceRequest, io.github.mailwright.v1.GetServiceResponse> getGetServiceMethod;
    if ((getGetServiceMethod = AdminAPIGrpc.getGetServiceMethod) == null) {
      synchronized (AdminAPIGrpc.class) {
        if ((getGetServiceMethod = AdminAPIGrpc.getGetServiceMethod) == null) {
          AdminAPIGrpc.getGetServiceMethod = getGetServiceMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.GetServiceRequest, io.github.mailwright.v1.GetServiceResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetService"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.GetServiceRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.GetServiceResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminAPIMethodDescriptorSupplier("GetService"))
              .build();
        }
      }
    }
    return getGetServiceMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.ListServicesRequest,
      io.github.mailwright.v1.ListServicesResponse> getListServicesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListServices",
      requestType = io.github.mailwright.v1.ListServicesRequest.class,
      responseType = io.github.mailwright.v1.ListServicesResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.ListServicesRequest,
      io.github.mailwright.v1.ListServicesResponse> getListServicesMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.ListServicesRequest, io.github.mailwright.v1.ListServicesResponse> getListServicesMethod;
    if ((getListServicesMethod = AdminAPIGrpc.getListServicesMethod) == null) {
      synchronized (AdminAPIGrpc.class) {
        if ((getListServicesMethod = AdminAPIGrpc.getListServicesMethod) == null) {
          AdminAPIGrpc.getListServicesMethod = getListServicesMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.ListServicesRequest, io.github.mailwright.v1.ListServicesResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListServices"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.ListServicesRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.ListServicesResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminAPIMethodDescriptorSupplier("ListServices"))
              .build();
        }
      }
    }
    return getListServicesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.UpdateServiceRequest,
      io.github.mailwright.v1.UpdateServiceResponse> getUpdateServiceMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "UpdateService",
      requestType = io.github.mailwright.v1.UpdateServiceRequest.class,
      responseType = io.github.mailwright.v1.UpdateServiceResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.UpdateServiceRequest,
      io.github.mailwright.v1.UpdateServiceResponse> getUpdateServiceMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.UpdateServiceRequest, io.github.mailwright.v1.UpdateServiceResponse> getUpdateServiceMethod;
    if ((getUpdateServiceMethod = AdminAPIGrpc.getUpdateServiceMethod) == null) {
      synchronized (AdminAPIGrpc.class) {
        if ((getUpdateServiceMethod = AdminAPIGrpc.getUpdateServiceMethod) == null) {
          AdminAPIGrpc.getUpdateServiceMethod = getUpdateServiceMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.UpdateServiceRequest, io.github.mailwright.v1.UpdateServiceResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "UpdateService"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.UpdateServiceRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.UpdateServiceResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminAPIMethodDescriptorSupplier("UpdateService"))
              .build();
        }
      }
    }
    return getUpdateServiceMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.DeleteServiceRequest,
      io.github.mailwright.v1.DeleteServiceResponse> getDeleteServiceMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "DeleteService",
      requestType = io.github.mailwright.v1.DeleteServiceRequest.class,
      responseType = io.github.mailwright.v1.DeleteServiceResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.DeleteServiceRequest,
      io.github.mailwright.v1.DeleteServiceResponse> getDeleteServiceMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.DeleteServiceRequest, io.github.mailwright.v1.DeleteServiceResponse> getDeleteServiceMethod;
    if ((getDeleteServiceMethod = AdminAPIGrpc.getDeleteServiceMethod) == null) {
      synchronized (AdminAPIGrpc.class) {
        if ((getDeleteServiceMethod = AdminAPIGrpc.getDeleteServiceMethod) == null) {
          AdminAPIGrpc.getDeleteServiceMethod = getDeleteServiceMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.DeleteServiceRequest, io.github.mailwright.v1.DeleteServiceResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "DeleteService"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.DeleteServiceRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.DeleteServiceResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminAPIMethodDescriptorSupplier("DeleteService"))
              .build();
        }
      }
    }
    return getDeleteServiceMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.SuspendServiceRequest,
      io.github.mailwright.v1.SuspendServiceResponse> getSuspendServiceMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "SuspendService",
      requestType = io.github.mailwright.v1.SuspendServiceRequest.class,
      responseType = io.github.mailwright.v1.SuspendServiceResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.SuspendServiceRequest,
      io.github.mailwright.v1.SuspendServiceResponse> getSuspendServiceMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.SuspendServiceRequest, io.github.mailwright.v1.SuspendServiceResponse> getSuspendServiceMethod;
    if ((getSuspendServiceMethod = AdminAPIGrpc.getSuspendServiceMethod) == null) {
      synchronized (AdminAPIGrpc.class) {
        if ((getSuspendServiceMethod = AdminAPIGrpc.getSuspendServiceMethod) == null) {
          AdminAPIGrpc.getSuspendServiceMethod = getSuspendServiceMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.SuspendServiceRequest, io.github.mailwright.v1.SuspendServiceResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "SuspendService"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.SuspendServiceRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.SuspendServiceResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminAPIMethodDescriptorSupplier("SuspendService"))
              .build();
        }
      }
    }
    return getSuspendServiceMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.ResumeServiceRequest,
      io.github.mailwright.v1.ResumeServiceResponse> getResumeServiceMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ResumeService",
      requestType = io.github.mailwright.v1.ResumeServiceRequest.class,
      responseType = io.github.mailwright.v1.ResumeServiceResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.ResumeServiceRequest,
      io.github.mailwright.v1.ResumeServiceResponse> getResumeServiceMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.ResumeServiceRequest, io.github.mailwright.v1.ResumeServiceResponse> getResumeServiceMethod;
    if ((getResumeServiceMethod = AdminAPIGrpc.getResumeServiceMethod) == null) {
      synchronized (AdminAPIGrpc.class) {
        if ((getResumeServiceMethod = AdminAPIGrpc.getResumeServiceMethod) == null) {
          AdminAPIGrpc.getResumeServiceMethod = getResumeServiceMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.ResumeServiceRequest, io.github.mailwright.v1.ResumeServiceResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ResumeService"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.ResumeServiceRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.ResumeServiceResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminAPIMethodDescriptorSupplier("ResumeService"))
              .build();
        }
      }
    }
    return getResumeServiceMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.BeginAuthorizeRequest,
      io.github.mailwright.v1.BeginAuthorizeResponse> getBeginAuthorizeMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "BeginAuthorize",
      requestType = io.github.mailwright.v1.BeginAuthorizeRequest.class,
      responseType = io.github.mailwright.v1.BeginAuthorizeResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.BeginAuthorizeRequest,
      io.github.mailwright.v1.BeginAuthorizeResponse> getBeginAuthorizeMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.BeginAuthorizeRequest, io.github.mailwright.v1.BeginAuthorizeResponse> getBeginAuthorizeMethod;
    if ((getBeginAuthorizeMethod = AdminAPIGrpc.getBeginAuthorizeMethod) == null) {
      synchronized (AdminAPIGrpc.class) {
        if ((getBeginAuthorizeMethod = AdminAPIGrpc.getBeginAuthorizeMethod) == null) {
          AdminAPIGrpc.getBeginAuthorizeMethod = getBeginAuthorizeMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.BeginAuthorizeRequest, io.github.mailwright.v1.BeginAuthorizeResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "BeginAuthorize"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.BeginAuthorizeRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.BeginAuthorizeResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminAPIMethodDescriptorSupplier("BeginAuthorize"))
              .build();
        }
      }
    }
    return getBeginAuthorizeMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.CompleteAuthorizeRequest,
      io.github.mailwright.v1.CompleteAuthorizeResponse> getCompleteAuthorizeMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CompleteAuthorize",
      requestType = io.github.mailwright.v1.CompleteAuthorizeRequest.class,
      responseType = io.github.mailwright.v1.CompleteAuthorizeResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.CompleteAuthorizeRequest,
      io.github.mailwright.v1.CompleteAuthorizeResponse> getCompleteAuthorizeMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.CompleteAuthorizeRequest, io.github.mailwright.v1.CompleteAuthorizeResponse> getCompleteAuthorizeMethod;
    if ((getCompleteAuthorizeMethod = AdminAPIGrpc.getCompleteAuthorizeMethod) == null) {
      synchronized (AdminAPIGrpc.class) {
        if ((getCompleteAuthorizeMethod = AdminAPIGrpc.getCompleteAuthorizeMethod) == null) {
          AdminAPIGrpc.getCompleteAuthorizeMethod = getCompleteAuthorizeMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.CompleteAuthorizeRequest, io.github.mailwright.v1.CompleteAuthorizeResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CompleteAuthorize"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.CompleteAuthorizeRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.CompleteAuthorizeResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminAPIMethodDescriptorSupplier("CompleteAuthorize"))
              .build();
        }
      }
    }
    return getCompleteAuthorizeMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.RevokeAuthorizationRequest,
      io.github.mailwright.v1.RevokeAuthorizationResponse> getRevokeAuthorizationMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "RevokeAuthorization",
      requestType = io.github.mailwright.v1.RevokeAuthorizationRequest.class,
      responseType = io.github.mailwright.v1.RevokeAuthorizationResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.RevokeAuthorizationRequest,
      io.github.mailwright.v1.RevokeAuthorizationResponse> getRevokeAuthorizationMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.RevokeAuthorizationRequest, io.github.mailwright.v1.RevokeAuthorizationResponse> getRevokeAuthorizationMethod;
    if ((getRevokeAuthorizationMethod = AdminAPIGrpc.getRevokeAuthorizationMethod) == null) {
      synchronized (AdminAPIGrpc.class) {
        if ((getRevokeAuthorizationMethod = AdminAPIGrpc.getRevokeAuthorizationMethod) == null) {
          AdminAPIGrpc.getRevokeAuthorizationMethod = getRevokeAuthorizationMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.RevokeAuthorizationRequest, io.github.mailwright.v1.RevokeAuthorizationResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "RevokeAuthorization"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.RevokeAuthorizationRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.RevokeAuthorizationResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminAPIMethodDescriptorSupplier("RevokeAuthorization"))
              .build();
        }
      }
    }
    return getRevokeAuthorizationMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.SendTestRequest,
      io.github.mailwright.v1.SendTestResponse> getSendTestMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "SendTest",
      requestType = io.github.mailwright.v1.SendTestRequest.class,
      responseType = io.github.mailwright.v1.SendTestResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.SendTestRequest,
      io.github.mailwright.v1.SendTestResponse> getSendTestMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.SendTestRequest, io.github.mailwright.v1.SendTestResponse> getSendTestMethod;
    if ((getSendTestMethod = AdminAPIGrpc.getSendTestMethod) == null) {
      synchronized (AdminAPIGrpc.class) {
        if ((getSendTestMethod = AdminAPIGrpc.getSendTestMethod) == null) {
          AdminAPIGrpc.getSendTestMethod = getSendTestMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.SendTestRequest, io.github.mailwright.v1.SendTestResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "SendTest"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.SendTestRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.SendTestResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminAPIMethodDescriptorSupplier("SendTest"))
              .build();
        }
      }
    }
    return getSendTestMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.CreateAccessKeyRequest,
      io.github.mailwright.v1.CreateAccessKeyResponse> getCreateAccessKeyMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CreateAccessKey",
      requestType = io.github.mailwright.v1.CreateAccessKeyRequest.class,
      responseType = io.github.mailwright.v1.CreateAccessKeyResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.CreateAccessKeyRequest,
      io.github.mailwright.v1.CreateAccessKeyResponse> getCreateAccessKeyMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.CreateAccessKeyRequest, io.github.mailwright.v1.CreateAccessKeyResponse> getCreateAccessKeyMethod;
    if ((getCreateAccessKeyMethod = AdminAPIGrpc.getCreateAccessKeyMethod) == null) {
      synchronized (AdminAPIGrpc.class) {
        if ((getCreateAccessKeyMethod = AdminAPIGrpc.getCreateAccessKeyMethod) == null) {
          AdminAPIGrpc.getCreateAccessKeyMethod = getCreateAccessKeyMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.CreateAccessKeyRequest, io.github.mailwright.v1.CreateAccessKeyResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CreateAccessKey"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.CreateAccessKeyRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.CreateAccessKeyResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminAPIMethodDescriptorSupplier("CreateAccessKey"))
              .build();
        }
      }
    }
    return getCreateAccessKeyMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.ListAccessKeysRequest,
      io.github.mailwright.v1.ListAccessKeysResponse> getListAccessKeysMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListAccessKeys",
      requestType = io.github.mailwright.v1.ListAccessKeysRequest.class,
      responseType = io.github.mailwright.v1.ListAccessKeysResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.ListAccessKeysRequest,
      io.github.mailwright.v1.ListAccessKeysResponse> getListAccessKeysMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.ListAccessKeysRequest, io.github.mailwright.v1.ListAccessKeysResponse> getListAccessKeysMethod;
    if ((getListAccessKeysMethod = AdminAPIGrpc.getListAccessKeysMethod) == null) {
      synchronized (AdminAPIGrpc.class) {
        if ((getListAccessKeysMethod = AdminAPIGrpc.getListAccessKeysMethod) == null) {
          AdminAPIGrpc.getListAccessKeysMethod = getListAccessKeysMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.ListAccessKeysRequest, io.github.mailwright.v1.ListAccessKeysResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListAccessKeys"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.ListAccessKeysRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.ListAccessKeysResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminAPIMethodDescriptorSupplier("ListAccessKeys"))
              .build();
        }
      }
    }
    return getListAccessKeysMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.RevokeAccessKeyRequest,
      io.github.mailwright.v1.RevokeAccessKeyResponse> getRevokeAccessKeyMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "RevokeAccessKey",
      requestType = io.github.mailwright.v1.RevokeAccessKeyRequest.class,
      responseType = io.github.mailwright.v1.RevokeAccessKeyResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.RevokeAccessKeyRequest,
      io.github.mailwright.v1.RevokeAccessKeyResponse> getRevokeAccessKeyMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.RevokeAccessKeyRequest, io.github.mailwright.v1.RevokeAccessKeyResponse> getRevokeAccessKeyMethod;
    if ((getRevokeAccessKeyMethod = AdminAPIGrpc.getRevokeAccessKeyMethod) == null) {
      synchronized (AdminAPIGrpc.class) {
        if ((getRevokeAccessKeyMethod = AdminAPIGrpc.getRevokeAccessKeyMethod) == null) {
          AdminAPIGrpc.getRevokeAccessKeyMethod = getRevokeAccessKeyMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.RevokeAccessKeyRequest, io.github.mailwright.v1.RevokeAccessKeyResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "RevokeAccessKey"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.RevokeAccessKeyRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.RevokeAccessKeyResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminAPIMethodDescriptorSupplier("RevokeAccessKey"))
              .build();
        }
      }
    }
    return getRevokeAccessKeyMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.RotateVaultKeyRequest,
      io.github.mailwright.v1.RotateVaultKeyResponse> getRotateVaultKeyMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "RotateVaultKey",
      requestType = io.github.mailwright.v1.RotateVaultKeyRequest.class,
      responseType = io.github.mailwright.v1.RotateVaultKeyResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.RotateVaultKeyRequest,
      io.github.mailwright.v1.RotateVaultKeyResponse> getRotateVaultKeyMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.RotateVaultKeyRequest, io.github.mailwright.v1.RotateVaultKeyResponse> getRotateVaultKeyMethod;
    if ((getRotateVaultKeyMethod = AdminAPIGrpc.getRotateVaultKeyMethod) == null) {
      synchronized (AdminAPIGrpc.class) {
        if ((getRotateVaultKeyMethod = AdminAPIGrpc.getRotateVaultKeyMethod) == null) {
          AdminAPIGrpc.getRotateVaultKeyMethod = getRotateVaultKeyMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.RotateVaultKeyRequest, io.github.mailwright.v1.RotateVaultKeyResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "RotateVaultKey"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.RotateVaultKeyRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.RotateVaultKeyResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminAPIMethodDescriptorSupplier("RotateVaultKey"))
              .build();
        }
      }
    }
    return getRotateVaultKeyMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.ExportBackupRequest,
      io.github.mailwright.v1.ExportBackupResponse> getExportBackupMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ExportBackup",
      requestType = io.github.mailwright.v1.ExportBackupRequest.class,
      responseType = io.github.mailwright.v1.ExportBackupResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.ExportBackupRequest,
      io.github.mailwright.v1.ExportBackupResponse> getExportBackupMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.ExportBackupRequest, io.github.mailwright.v1.ExportBackupResponse> getExportBackupMethod;
    if ((getExportBackupMethod = AdminAPIGrpc.getExportBackupMethod) == null) {
      synchronized (AdminAPIGrpc.class) {
        if ((getExportBackupMethod = AdminAPIGrpc.getExportBackupMethod) == null) {
          AdminAPIGrpc.getExportBackupMethod = getExportBackupMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.ExportBackupRequest, io.github.mailwright.v1.ExportBackupResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ExportBackup"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.ExportBackupRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.ExportBackupResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminAPIMethodDescriptorSupplier("ExportBackup"))
              .build();
        }
      }
    }
    return getExportBackupMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.GetServerInfoRequest,
      io.github.mailwright.v1.GetServerInfoResponse> getGetServerInfoMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetServerInfo",
      requestType = io.github.mailwright.v1.GetServerInfoRequest.class,
      responseType = io.github.mailwright.v1.GetServerInfoResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.GetServerInfoRequest,
      io.github.mailwright.v1.GetServerInfoResponse> getGetServerInfoMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.GetServerInfoRequest, io.github.mailwright.v1.GetServerInfoResponse> getGetServerInfoMethod;
    if ((getGetServerInfoMethod = AdminAPIGrpc.getGetServerInfoMethod) == null) {
      synchronized (AdminAPIGrpc.class) {
        if ((getGetServerInfoMethod = AdminAPIGrpc.getGetServerInfoMethod) == null) {
          AdminAPIGrpc.getGetServerInfoMethod = getGetServerInfoMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.GetServerInfoRequest, io.github.mailwright.v1.GetServerInfoResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetServerInfo"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.GetServerInfoRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.GetServerInfoResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminAPIMethodDescriptorSupplier("GetServerInfo"))
              .build();
        }
      }
    }
    return getGetServerInfoMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static AdminAPIStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<AdminAPIStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<AdminAPIStub>() {
        @java.lang.Override
        public AdminAPIStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new AdminAPIStub(channel, callOptions);
        }
      };
    return AdminAPIStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static AdminAPIBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<AdminAPIBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<AdminAPIBlockingV2Stub>() {
        @java.lang.Override
        public AdminAPIBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new AdminAPIBlockingV2Stub(channel, callOptions);
        }
      };
    return AdminAPIBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static AdminAPIBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<AdminAPIBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<AdminAPIBlockingStub>() {
        @java.lang.Override
        public AdminAPIBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new AdminAPIBlockingStub(channel, callOptions);
        }
      };
    return AdminAPIBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static AdminAPIFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<AdminAPIFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<AdminAPIFutureStub>() {
        @java.lang.Override
        public AdminAPIFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new AdminAPIFutureStub(channel, callOptions);
        }
      };
    return AdminAPIFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Administers services and access keys.
   * Needs an access key ("authorization: Bearer KEY") with ROLE_ADMIN. GetServerInfo
   * takes any key; GetService and ListServices take any key for the services it may
   * use. Every RPC can fail with UNAUTHENTICATED, PERMISSION_DENIED,
   * INVALID_ARGUMENT (INVALID_FIELD, UNDECODABLE_REQUEST), RESOURCE_EXHAUSTED
   * (REQUEST_TOO_LARGE, over 1 MiB), UNAVAILABLE (DRAINING, STORE_UNAVAILABLE) and
   * INTERNAL; the comments list what comes on top, as code (reason).
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Registers a service. With a service_id, a repeat fails with ALREADY_EXISTS
     * and does no harm; without one, a repeat creates a second service.
     * Errors: ALREADY_EXISTS (SERVICE_EXISTS).
     * </pre>
     */
    default void createService(io.github.mailwright.v1.CreateServiceRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.CreateServiceResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCreateServiceMethod(), responseObserver);
    }

    /**
     * <pre>
     * Reads one service.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND), also where the access key may not use it.
     * </pre>
     */
    default void getService(io.github.mailwright.v1.GetServiceRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.GetServiceResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetServiceMethod(), responseObserver);
    }

    /**
     * <pre>
     * Lists services by service_id: those that the access key may use.
     * </pre>
     */
    default void listServices(io.github.mailwright.v1.ListServicesRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.ListServicesResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListServicesMethod(), responseObserver);
    }

    /**
     * <pre>
     * Changes the fields named by update_mask and no others.
     * Changing provider, login_email, client_id, tenant_id, cloud, grant or scopes
     * drops the grant. Changing smtp.host, smtp.port, smtp.tls or sender.address asks
     * for a new test. Changing smtp.host, smtp.port, smtp.tls, provider, cloud or
     * custom erases password, client secrets and grant unless the same request brings
     * the secrets anew: stored credentials never travel to a new address. The grant
     * stays only where the client_secret that is brought is the stored one: whoever
     * knows it may take the grant along. Other changes (name, reply_to, labels,
     * delivery, secrets) change nothing else.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); ABORTED (ETAG_MISMATCH);
     * INVALID_ARGUMENT (INVALID_FIELD) also for an empty mask or a path that is
     * unknown or output only.
     * </pre>
     */
    default void updateService(io.github.mailwright.v1.UpdateServiceRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.UpdateServiceResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getUpdateServiceMethod(), responseObserver);
    }

    /**
     * <pre>
     * Deletes a service with its credentials. Its messages stay readable for their
     * retention, and its id is not free before they are gone. An UNCERTAIN message has
     * ended and is no obstacle: ResolveMessage decides it also without its service,
     * and until then it is kept.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); ABORTED (ETAG_MISMATCH);
     * FAILED_PRECONDITION (SERVICE_HAS_PENDING_MAIL).
     * </pre>
     */
    default void deleteService(io.github.mailwright.v1.DeleteServiceRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.DeleteServiceResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getDeleteServiceMethod(), responseObserver);
    }

    /**
     * <pre>
     * Stops sending: new mail is accepted as HELD, queued mail becomes HELD, a
     * transaction that runs is finished. Suspending twice is one suspension.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND).
     * </pre>
     */
    default void suspendService(io.github.mailwright.v1.SuspendServiceRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.SuspendServiceResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getSuspendServiceMethod(), responseObserver);
    }

    /**
     * <pre>
     * Ends a suspension, and makes a BLOCKED mailbox try again now rather than at its
     * next probe. Held mail becomes due where the service can send. Does nothing on a
     * READY service.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND).
     * </pre>
     */
    default void resumeService(io.github.mailwright.v1.ResumeServiceRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.ResumeServiceResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getResumeServiceMethod(), responseObserver);
    }

    /**
     * <pre>
     * Begins an OAuth2 authorization: whoever opens authorization_url and consents
     * comes back to this server's redirect_uri, which stores the grant. An existing
     * grant stays in use until then. Ends earlier pending authorizations of the
     * service.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) where
     * the service's auth is not oauth2, (APP_CONFIGURATION) where its settings lead to no
     * page, as GRANT_CLIENT_CREDENTIALS does with any provider but Microsoft.
     * </pre>
     */
    default void beginAuthorize(io.github.mailwright.v1.BeginAuthorizeRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.BeginAuthorizeResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getBeginAuthorizeMethod(), responseObserver);
    }

    /**
     * <pre>
     * Finishes an authorization for a platform that owns its redirect page, and does
     * exactly what this server's own callback does. The state is used up, also by a
     * failure.
     * Errors: NOT_FOUND (AUTHORIZATION_NOT_FOUND); FAILED_PRECONDITION (CONSENT_DENIED,
     * WRONG_ACCOUNT, NO_REFRESH_TOKEN, MISSING_SCOPE, WRONG_AUDIENCE,
     * CLIENT_SECRET_INVALID and the other reasons of an identity provider), with Help
     * where the provider has a page: nothing is stored then, and an existing grant stays
     * in use; UNAVAILABLE (PROVIDER_UNAVAILABLE, PROVIDER_THROTTLED).
     * </pre>
     */
    default void completeAuthorize(io.github.mailwright.v1.CompleteAuthorizeRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.CompleteAuthorizeResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCompleteAuthorizeMethod(), responseObserver);
    }

    /**
     * <pre>
     * Forgets the grant at once: its tokens are erased, whatever the provider says, and
     * pending authorizations end. Then revokes it at the provider where the provider
     * can, which may end what other services of the same application and account were
     * granted. The service is PENDING_AUTHORIZATION afterwards, its queued mail HELD.
     * Succeeds where there is no grant.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) where
     * the service's auth is not oauth2.
     * </pre>
     */
    default void revokeAuthorization(io.github.mailwright.v1.RevokeAuthorizationRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.RevokeAuthorizationResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRevokeAuthorizationMethod(), responseObserver);
    }

    /**
     * <pre>
     * Sends a test message now, past the queue but within the mailbox's limits, and
     * answers with each step. A failed test is an answer, not an error, also where no
     * grant is live. A passed one makes the service READY. Takes up to two minutes.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); FAILED_PRECONDITION (SERVICE_SUSPENDED);
     * RESOURCE_EXHAUSTED (RATE_LIMITED, CONCURRENCY_LIMITED, DAILY_LIMIT) where the
     * mailbox has no budget for it now.
     * </pre>
     */
    default void sendTest(io.github.mailwright.v1.SendTestRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.SendTestResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getSendTestMethod(), responseObserver);
    }

    /**
     * <pre>
     * Creates an access key. Not safe to repeat: each call creates one. Its secret is
     * in this response and never again.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND) where service_ids names an unknown one;
     * FAILED_PRECONDITION (WRONG_STATE) at 10,000 keys of which none has ended. Beyond
     * that number, those that have ended are forgotten, the oldest first.
     * </pre>
     */
    default void createAccessKey(io.github.mailwright.v1.CreateAccessKeyRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.CreateAccessKeyResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCreateAccessKeyMethod(), responseObserver);
    }

    /**
     * <pre>
     * Lists access keys, without secrets, the newest first; revoked and expired ones
     * too.
     * </pre>
     */
    default void listAccessKeys(io.github.mailwright.v1.ListAccessKeysRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.ListAccessKeysResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListAccessKeysMethod(), responseObserver);
    }

    /**
     * <pre>
     * Revokes an access key: from the next call on it is UNAUTHENTICATED, and its
     * open streams end. Revoking twice succeeds.
     * Errors: NOT_FOUND (ACCESS_KEY_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) for
     * the last key with ROLE_ADMIN that is neither revoked nor expired: create another
     * one first.
     * </pre>
     */
    default void revokeAccessKey(io.github.mailwright.v1.RevokeAccessKeyRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.RevokeAccessKeyResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRevokeAccessKeyMethod(), responseObserver);
    }

    /**
     * <pre>
     * Reads the vault's keys anew from where the server's configuration says that they
     * are, and seals everything by the first of them that an older one sealed: secrets,
     * tokens, pending authorizations and the keys of message bodies. Where the first one
     * has sealed everything already and the keys are in a file, the server makes a new
     * key and puts it first in that file. Mail goes on meanwhile. Takes longer the more is
     * stored; the server goes on to the end where the call is cancelled, and a repeat
     * goes on where a server was killed.
     * The server removes no key: unused_key_ids tells which ones it doesn't need any
     * more. Backups made before need them still.
     * Errors: FAILED_PRECONDITION (VAULT_KEY_UNUSABLE); nothing has changed then.
     * </pre>
     */
    default void rotateVaultKey(io.github.mailwright.v1.RotateVaultKeyRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.RotateVaultKeyResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRotateVaultKeyMethod(), responseObserver);
    }

    /**
     * <pre>
     * Streams a copy of everything that is stored, as it is at one instant before the
     * stream ends, for "mailwright restore". Mail goes on meanwhile. It holds secrets
     * and bodies sealed, the vault's keys not at all, and who wrote to whom in the clear.
     * A copy without its last part is told from a whole one.
     * Errors: RESOURCE_EXHAUSTED (RATE_LIMITED) while another copy is made;
     * UNAVAILABLE (STORE_UNAVAILABLE) also where the caller reads so slowly that too
     * much changes meanwhile.
     * </pre>
     */
    default void exportBackup(io.github.mailwright.v1.ExportBackupRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.ExportBackupResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getExportBackupMethod(), responseObserver);
    }

    /**
     * <pre>
     * Tells what this server is, where it is reached, where its mail leaves from and
     * what it takes.
     * </pre>
     */
    default void getServerInfo(io.github.mailwright.v1.GetServerInfoRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.GetServerInfoResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetServerInfoMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service AdminAPI.
   * <pre>
   * Administers services and access keys.
   * Needs an access key ("authorization: Bearer KEY") with ROLE_ADMIN. GetServerInfo
   * takes any key; GetService and ListServices take any key for the services it may
   * use. Every RPC can fail with UNAUTHENTICATED, PERMISSION_DENIED,
   * INVALID_ARGUMENT (INVALID_FIELD, UNDECODABLE_REQUEST), RESOURCE_EXHAUSTED
   * (REQUEST_TOO_LARGE, over 1 MiB), UNAVAILABLE (DRAINING, STORE_UNAVAILABLE) and
   * INTERNAL; the comments list what comes on top, as code (reason).
   * </pre>
   */
  public static abstract class AdminAPIImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return AdminAPIGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service AdminAPI.
   * <pre>
   * Administers services and access keys.
   * Needs an access key ("authorization: Bearer KEY") with ROLE_ADMIN. GetServerInfo
   * takes any key; GetService and ListServices take any key for the services it may
   * use. Every RPC can fail with UNAUTHENTICATED, PERMISSION_DENIED,
   * INVALID_ARGUMENT (INVALID_FIELD, UNDECODABLE_REQUEST), RESOURCE_EXHAUSTED
   * (REQUEST_TOO_LARGE, over 1 MiB), UNAVAILABLE (DRAINING, STORE_UNAVAILABLE) and
   * INTERNAL; the comments list what comes on top, as code (reason).
   * </pre>
   */
  public static final class AdminAPIStub
      extends io.grpc.stub.AbstractAsyncStub<AdminAPIStub> {
    private AdminAPIStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected AdminAPIStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new AdminAPIStub(channel, callOptions);
    }

    /**
     * <pre>
     * Registers a service. With a service_id, a repeat fails with ALREADY_EXISTS
     * and does no harm; without one, a repeat creates a second service.
     * Errors: ALREADY_EXISTS (SERVICE_EXISTS).
     * </pre>
     */
    public void createService(io.github.mailwright.v1.CreateServiceRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.CreateServiceResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCreateServiceMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Reads one service.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND), also where the access key may not use it.
     * </pre>
     */
    public void getService(io.github.mailwright.v1.GetServiceRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.GetServiceResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetServiceMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Lists services by service_id: those that the access key may use.
     * </pre>
     */
    public void listServices(io.github.mailwright.v1.ListServicesRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.ListServicesResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListServicesMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Changes the fields named by update_mask and no others.
     * Changing provider, login_email, client_id, tenant_id, cloud, grant or scopes
     * drops the grant. Changing smtp.host, smtp.port, smtp.tls or sender.address asks
     * for a new test. Changing smtp.host, smtp.port, smtp.tls, provider, cloud or
     * custom erases password, client secrets and grant unless the same request brings
     * the secrets anew: stored credentials never travel to a new address. The grant
     * stays only where the client_secret that is brought is the stored one: whoever
     * knows it may take the grant along. Other changes (name, reply_to, labels,
     * delivery, secrets) change nothing else.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); ABORTED (ETAG_MISMATCH);
     * INVALID_ARGUMENT (INVALID_FIELD) also for an empty mask or a path that is
     * unknown or output only.
     * </pre>
     */
    public void updateService(io.github.mailwright.v1.UpdateServiceRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.UpdateServiceResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getUpdateServiceMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Deletes a service with its credentials. Its messages stay readable for their
     * retention, and its id is not free before they are gone. An UNCERTAIN message has
     * ended and is no obstacle: ResolveMessage decides it also without its service,
     * and until then it is kept.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); ABORTED (ETAG_MISMATCH);
     * FAILED_PRECONDITION (SERVICE_HAS_PENDING_MAIL).
     * </pre>
     */
    public void deleteService(io.github.mailwright.v1.DeleteServiceRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.DeleteServiceResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getDeleteServiceMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Stops sending: new mail is accepted as HELD, queued mail becomes HELD, a
     * transaction that runs is finished. Suspending twice is one suspension.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND).
     * </pre>
     */
    public void suspendService(io.github.mailwright.v1.SuspendServiceRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.SuspendServiceResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getSuspendServiceMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Ends a suspension, and makes a BLOCKED mailbox try again now rather than at its
     * next probe. Held mail becomes due where the service can send. Does nothing on a
     * READY service.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND).
     * </pre>
     */
    public void resumeService(io.github.mailwright.v1.ResumeServiceRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.ResumeServiceResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getResumeServiceMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Begins an OAuth2 authorization: whoever opens authorization_url and consents
     * comes back to this server's redirect_uri, which stores the grant. An existing
     * grant stays in use until then. Ends earlier pending authorizations of the
     * service.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) where
     * the service's auth is not oauth2, (APP_CONFIGURATION) where its settings lead to no
     * page, as GRANT_CLIENT_CREDENTIALS does with any provider but Microsoft.
     * </pre>
     */
    public void beginAuthorize(io.github.mailwright.v1.BeginAuthorizeRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.BeginAuthorizeResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getBeginAuthorizeMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Finishes an authorization for a platform that owns its redirect page, and does
     * exactly what this server's own callback does. The state is used up, also by a
     * failure.
     * Errors: NOT_FOUND (AUTHORIZATION_NOT_FOUND); FAILED_PRECONDITION (CONSENT_DENIED,
     * WRONG_ACCOUNT, NO_REFRESH_TOKEN, MISSING_SCOPE, WRONG_AUDIENCE,
     * CLIENT_SECRET_INVALID and the other reasons of an identity provider), with Help
     * where the provider has a page: nothing is stored then, and an existing grant stays
     * in use; UNAVAILABLE (PROVIDER_UNAVAILABLE, PROVIDER_THROTTLED).
     * </pre>
     */
    public void completeAuthorize(io.github.mailwright.v1.CompleteAuthorizeRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.CompleteAuthorizeResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCompleteAuthorizeMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Forgets the grant at once: its tokens are erased, whatever the provider says, and
     * pending authorizations end. Then revokes it at the provider where the provider
     * can, which may end what other services of the same application and account were
     * granted. The service is PENDING_AUTHORIZATION afterwards, its queued mail HELD.
     * Succeeds where there is no grant.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) where
     * the service's auth is not oauth2.
     * </pre>
     */
    public void revokeAuthorization(io.github.mailwright.v1.RevokeAuthorizationRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.RevokeAuthorizationResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRevokeAuthorizationMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Sends a test message now, past the queue but within the mailbox's limits, and
     * answers with each step. A failed test is an answer, not an error, also where no
     * grant is live. A passed one makes the service READY. Takes up to two minutes.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); FAILED_PRECONDITION (SERVICE_SUSPENDED);
     * RESOURCE_EXHAUSTED (RATE_LIMITED, CONCURRENCY_LIMITED, DAILY_LIMIT) where the
     * mailbox has no budget for it now.
     * </pre>
     */
    public void sendTest(io.github.mailwright.v1.SendTestRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.SendTestResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getSendTestMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Creates an access key. Not safe to repeat: each call creates one. Its secret is
     * in this response and never again.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND) where service_ids names an unknown one;
     * FAILED_PRECONDITION (WRONG_STATE) at 10,000 keys of which none has ended. Beyond
     * that number, those that have ended are forgotten, the oldest first.
     * </pre>
     */
    public void createAccessKey(io.github.mailwright.v1.CreateAccessKeyRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.CreateAccessKeyResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCreateAccessKeyMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Lists access keys, without secrets, the newest first; revoked and expired ones
     * too.
     * </pre>
     */
    public void listAccessKeys(io.github.mailwright.v1.ListAccessKeysRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.ListAccessKeysResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListAccessKeysMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Revokes an access key: from the next call on it is UNAUTHENTICATED, and its
     * open streams end. Revoking twice succeeds.
     * Errors: NOT_FOUND (ACCESS_KEY_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) for
     * the last key with ROLE_ADMIN that is neither revoked nor expired: create another
     * one first.
     * </pre>
     */
    public void revokeAccessKey(io.github.mailwright.v1.RevokeAccessKeyRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.RevokeAccessKeyResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRevokeAccessKeyMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Reads the vault's keys anew from where the server's configuration says that they
     * are, and seals everything by the first of them that an older one sealed: secrets,
     * tokens, pending authorizations and the keys of message bodies. Where the first one
     * has sealed everything already and the keys are in a file, the server makes a new
     * key and puts it first in that file. Mail goes on meanwhile. Takes longer the more is
     * stored; the server goes on to the end where the call is cancelled, and a repeat
     * goes on where a server was killed.
     * The server removes no key: unused_key_ids tells which ones it doesn't need any
     * more. Backups made before need them still.
     * Errors: FAILED_PRECONDITION (VAULT_KEY_UNUSABLE); nothing has changed then.
     * </pre>
     */
    public void rotateVaultKey(io.github.mailwright.v1.RotateVaultKeyRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.RotateVaultKeyResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRotateVaultKeyMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Streams a copy of everything that is stored, as it is at one instant before the
     * stream ends, for "mailwright restore". Mail goes on meanwhile. It holds secrets
     * and bodies sealed, the vault's keys not at all, and who wrote to whom in the clear.
     * A copy without its last part is told from a whole one.
     * Errors: RESOURCE_EXHAUSTED (RATE_LIMITED) while another copy is made;
     * UNAVAILABLE (STORE_UNAVAILABLE) also where the caller reads so slowly that too
     * much changes meanwhile.
     * </pre>
     */
    public void exportBackup(io.github.mailwright.v1.ExportBackupRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.ExportBackupResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getExportBackupMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Tells what this server is, where it is reached, where its mail leaves from and
     * what it takes.
     * </pre>
     */
    public void getServerInfo(io.github.mailwright.v1.GetServerInfoRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.GetServerInfoResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetServerInfoMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service AdminAPI.
   * <pre>
   * Administers services and access keys.
   * Needs an access key ("authorization: Bearer KEY") with ROLE_ADMIN. GetServerInfo
   * takes any key; GetService and ListServices take any key for the services it may
   * use. Every RPC can fail with UNAUTHENTICATED, PERMISSION_DENIED,
   * INVALID_ARGUMENT (INVALID_FIELD, UNDECODABLE_REQUEST), RESOURCE_EXHAUSTED
   * (REQUEST_TOO_LARGE, over 1 MiB), UNAVAILABLE (DRAINING, STORE_UNAVAILABLE) and
   * INTERNAL; the comments list what comes on top, as code (reason).
   * </pre>
   */
  public static final class AdminAPIBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<AdminAPIBlockingV2Stub> {
    private AdminAPIBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected AdminAPIBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new AdminAPIBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Registers a service. With a service_id, a repeat fails with ALREADY_EXISTS
     * and does no harm; without one, a repeat creates a second service.
     * Errors: ALREADY_EXISTS (SERVICE_EXISTS).
     * </pre>
     */
    public io.github.mailwright.v1.CreateServiceResponse createService(io.github.mailwright.v1.CreateServiceRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCreateServiceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads one service.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND), also where the access key may not use it.
     * </pre>
     */
    public io.github.mailwright.v1.GetServiceResponse getService(io.github.mailwright.v1.GetServiceRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetServiceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists services by service_id: those that the access key may use.
     * </pre>
     */
    public io.github.mailwright.v1.ListServicesResponse listServices(io.github.mailwright.v1.ListServicesRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListServicesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Changes the fields named by update_mask and no others.
     * Changing provider, login_email, client_id, tenant_id, cloud, grant or scopes
     * drops the grant. Changing smtp.host, smtp.port, smtp.tls or sender.address asks
     * for a new test. Changing smtp.host, smtp.port, smtp.tls, provider, cloud or
     * custom erases password, client secrets and grant unless the same request brings
     * the secrets anew: stored credentials never travel to a new address. The grant
     * stays only where the client_secret that is brought is the stored one: whoever
     * knows it may take the grant along. Other changes (name, reply_to, labels,
     * delivery, secrets) change nothing else.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); ABORTED (ETAG_MISMATCH);
     * INVALID_ARGUMENT (INVALID_FIELD) also for an empty mask or a path that is
     * unknown or output only.
     * </pre>
     */
    public io.github.mailwright.v1.UpdateServiceResponse updateService(io.github.mailwright.v1.UpdateServiceRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getUpdateServiceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Deletes a service with its credentials. Its messages stay readable for their
     * retention, and its id is not free before they are gone. An UNCERTAIN message has
     * ended and is no obstacle: ResolveMessage decides it also without its service,
     * and until then it is kept.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); ABORTED (ETAG_MISMATCH);
     * FAILED_PRECONDITION (SERVICE_HAS_PENDING_MAIL).
     * </pre>
     */
    public io.github.mailwright.v1.DeleteServiceResponse deleteService(io.github.mailwright.v1.DeleteServiceRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getDeleteServiceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Stops sending: new mail is accepted as HELD, queued mail becomes HELD, a
     * transaction that runs is finished. Suspending twice is one suspension.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND).
     * </pre>
     */
    public io.github.mailwright.v1.SuspendServiceResponse suspendService(io.github.mailwright.v1.SuspendServiceRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getSuspendServiceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends a suspension, and makes a BLOCKED mailbox try again now rather than at its
     * next probe. Held mail becomes due where the service can send. Does nothing on a
     * READY service.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND).
     * </pre>
     */
    public io.github.mailwright.v1.ResumeServiceResponse resumeService(io.github.mailwright.v1.ResumeServiceRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getResumeServiceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Begins an OAuth2 authorization: whoever opens authorization_url and consents
     * comes back to this server's redirect_uri, which stores the grant. An existing
     * grant stays in use until then. Ends earlier pending authorizations of the
     * service.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) where
     * the service's auth is not oauth2, (APP_CONFIGURATION) where its settings lead to no
     * page, as GRANT_CLIENT_CREDENTIALS does with any provider but Microsoft.
     * </pre>
     */
    public io.github.mailwright.v1.BeginAuthorizeResponse beginAuthorize(io.github.mailwright.v1.BeginAuthorizeRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getBeginAuthorizeMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Finishes an authorization for a platform that owns its redirect page, and does
     * exactly what this server's own callback does. The state is used up, also by a
     * failure.
     * Errors: NOT_FOUND (AUTHORIZATION_NOT_FOUND); FAILED_PRECONDITION (CONSENT_DENIED,
     * WRONG_ACCOUNT, NO_REFRESH_TOKEN, MISSING_SCOPE, WRONG_AUDIENCE,
     * CLIENT_SECRET_INVALID and the other reasons of an identity provider), with Help
     * where the provider has a page: nothing is stored then, and an existing grant stays
     * in use; UNAVAILABLE (PROVIDER_UNAVAILABLE, PROVIDER_THROTTLED).
     * </pre>
     */
    public io.github.mailwright.v1.CompleteAuthorizeResponse completeAuthorize(io.github.mailwright.v1.CompleteAuthorizeRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCompleteAuthorizeMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Forgets the grant at once: its tokens are erased, whatever the provider says, and
     * pending authorizations end. Then revokes it at the provider where the provider
     * can, which may end what other services of the same application and account were
     * granted. The service is PENDING_AUTHORIZATION afterwards, its queued mail HELD.
     * Succeeds where there is no grant.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) where
     * the service's auth is not oauth2.
     * </pre>
     */
    public io.github.mailwright.v1.RevokeAuthorizationResponse revokeAuthorization(io.github.mailwright.v1.RevokeAuthorizationRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRevokeAuthorizationMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Sends a test message now, past the queue but within the mailbox's limits, and
     * answers with each step. A failed test is an answer, not an error, also where no
     * grant is live. A passed one makes the service READY. Takes up to two minutes.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); FAILED_PRECONDITION (SERVICE_SUSPENDED);
     * RESOURCE_EXHAUSTED (RATE_LIMITED, CONCURRENCY_LIMITED, DAILY_LIMIT) where the
     * mailbox has no budget for it now.
     * </pre>
     */
    public io.github.mailwright.v1.SendTestResponse sendTest(io.github.mailwright.v1.SendTestRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getSendTestMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Creates an access key. Not safe to repeat: each call creates one. Its secret is
     * in this response and never again.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND) where service_ids names an unknown one;
     * FAILED_PRECONDITION (WRONG_STATE) at 10,000 keys of which none has ended. Beyond
     * that number, those that have ended are forgotten, the oldest first.
     * </pre>
     */
    public io.github.mailwright.v1.CreateAccessKeyResponse createAccessKey(io.github.mailwright.v1.CreateAccessKeyRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCreateAccessKeyMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists access keys, without secrets, the newest first; revoked and expired ones
     * too.
     * </pre>
     */
    public io.github.mailwright.v1.ListAccessKeysResponse listAccessKeys(io.github.mailwright.v1.ListAccessKeysRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListAccessKeysMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Revokes an access key: from the next call on it is UNAUTHENTICATED, and its
     * open streams end. Revoking twice succeeds.
     * Errors: NOT_FOUND (ACCESS_KEY_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) for
     * the last key with ROLE_ADMIN that is neither revoked nor expired: create another
     * one first.
     * </pre>
     */
    public io.github.mailwright.v1.RevokeAccessKeyResponse revokeAccessKey(io.github.mailwright.v1.RevokeAccessKeyRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRevokeAccessKeyMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads the vault's keys anew from where the server's configuration says that they
     * are, and seals everything by the first of them that an older one sealed: secrets,
     * tokens, pending authorizations and the keys of message bodies. Where the first one
     * has sealed everything already and the keys are in a file, the server makes a new
     * key and puts it first in that file. Mail goes on meanwhile. Takes longer the more is
     * stored; the server goes on to the end where the call is cancelled, and a repeat
     * goes on where a server was killed.
     * The server removes no key: unused_key_ids tells which ones it doesn't need any
     * more. Backups made before need them still.
     * Errors: FAILED_PRECONDITION (VAULT_KEY_UNUSABLE); nothing has changed then.
     * </pre>
     */
    public io.github.mailwright.v1.RotateVaultKeyResponse rotateVaultKey(io.github.mailwright.v1.RotateVaultKeyRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRotateVaultKeyMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Streams a copy of everything that is stored, as it is at one instant before the
     * stream ends, for "mailwright restore". Mail goes on meanwhile. It holds secrets
     * and bodies sealed, the vault's keys not at all, and who wrote to whom in the clear.
     * A copy without its last part is told from a whole one.
     * Errors: RESOURCE_EXHAUSTED (RATE_LIMITED) while another copy is made;
     * UNAVAILABLE (STORE_UNAVAILABLE) also where the caller reads so slowly that too
     * much changes meanwhile.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, io.github.mailwright.v1.ExportBackupResponse>
        exportBackup(io.github.mailwright.v1.ExportBackupRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getExportBackupMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Tells what this server is, where it is reached, where its mail leaves from and
     * what it takes.
     * </pre>
     */
    public io.github.mailwright.v1.GetServerInfoResponse getServerInfo(io.github.mailwright.v1.GetServerInfoRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetServerInfoMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service AdminAPI.
   * <pre>
   * Administers services and access keys.
   * Needs an access key ("authorization: Bearer KEY") with ROLE_ADMIN. GetServerInfo
   * takes any key; GetService and ListServices take any key for the services it may
   * use. Every RPC can fail with UNAUTHENTICATED, PERMISSION_DENIED,
   * INVALID_ARGUMENT (INVALID_FIELD, UNDECODABLE_REQUEST), RESOURCE_EXHAUSTED
   * (REQUEST_TOO_LARGE, over 1 MiB), UNAVAILABLE (DRAINING, STORE_UNAVAILABLE) and
   * INTERNAL; the comments list what comes on top, as code (reason).
   * </pre>
   */
  public static final class AdminAPIBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<AdminAPIBlockingStub> {
    private AdminAPIBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected AdminAPIBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new AdminAPIBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Registers a service. With a service_id, a repeat fails with ALREADY_EXISTS
     * and does no harm; without one, a repeat creates a second service.
     * Errors: ALREADY_EXISTS (SERVICE_EXISTS).
     * </pre>
     */
    public io.github.mailwright.v1.CreateServiceResponse createService(io.github.mailwright.v1.CreateServiceRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCreateServiceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads one service.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND), also where the access key may not use it.
     * </pre>
     */
    public io.github.mailwright.v1.GetServiceResponse getService(io.github.mailwright.v1.GetServiceRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetServiceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists services by service_id: those that the access key may use.
     * </pre>
     */
    public io.github.mailwright.v1.ListServicesResponse listServices(io.github.mailwright.v1.ListServicesRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListServicesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Changes the fields named by update_mask and no others.
     * Changing provider, login_email, client_id, tenant_id, cloud, grant or scopes
     * drops the grant. Changing smtp.host, smtp.port, smtp.tls or sender.address asks
     * for a new test. Changing smtp.host, smtp.port, smtp.tls, provider, cloud or
     * custom erases password, client secrets and grant unless the same request brings
     * the secrets anew: stored credentials never travel to a new address. The grant
     * stays only where the client_secret that is brought is the stored one: whoever
     * knows it may take the grant along. Other changes (name, reply_to, labels,
     * delivery, secrets) change nothing else.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); ABORTED (ETAG_MISMATCH);
     * INVALID_ARGUMENT (INVALID_FIELD) also for an empty mask or a path that is
     * unknown or output only.
     * </pre>
     */
    public io.github.mailwright.v1.UpdateServiceResponse updateService(io.github.mailwright.v1.UpdateServiceRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getUpdateServiceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Deletes a service with its credentials. Its messages stay readable for their
     * retention, and its id is not free before they are gone. An UNCERTAIN message has
     * ended and is no obstacle: ResolveMessage decides it also without its service,
     * and until then it is kept.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); ABORTED (ETAG_MISMATCH);
     * FAILED_PRECONDITION (SERVICE_HAS_PENDING_MAIL).
     * </pre>
     */
    public io.github.mailwright.v1.DeleteServiceResponse deleteService(io.github.mailwright.v1.DeleteServiceRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getDeleteServiceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Stops sending: new mail is accepted as HELD, queued mail becomes HELD, a
     * transaction that runs is finished. Suspending twice is one suspension.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND).
     * </pre>
     */
    public io.github.mailwright.v1.SuspendServiceResponse suspendService(io.github.mailwright.v1.SuspendServiceRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getSuspendServiceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends a suspension, and makes a BLOCKED mailbox try again now rather than at its
     * next probe. Held mail becomes due where the service can send. Does nothing on a
     * READY service.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND).
     * </pre>
     */
    public io.github.mailwright.v1.ResumeServiceResponse resumeService(io.github.mailwright.v1.ResumeServiceRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getResumeServiceMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Begins an OAuth2 authorization: whoever opens authorization_url and consents
     * comes back to this server's redirect_uri, which stores the grant. An existing
     * grant stays in use until then. Ends earlier pending authorizations of the
     * service.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) where
     * the service's auth is not oauth2, (APP_CONFIGURATION) where its settings lead to no
     * page, as GRANT_CLIENT_CREDENTIALS does with any provider but Microsoft.
     * </pre>
     */
    public io.github.mailwright.v1.BeginAuthorizeResponse beginAuthorize(io.github.mailwright.v1.BeginAuthorizeRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getBeginAuthorizeMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Finishes an authorization for a platform that owns its redirect page, and does
     * exactly what this server's own callback does. The state is used up, also by a
     * failure.
     * Errors: NOT_FOUND (AUTHORIZATION_NOT_FOUND); FAILED_PRECONDITION (CONSENT_DENIED,
     * WRONG_ACCOUNT, NO_REFRESH_TOKEN, MISSING_SCOPE, WRONG_AUDIENCE,
     * CLIENT_SECRET_INVALID and the other reasons of an identity provider), with Help
     * where the provider has a page: nothing is stored then, and an existing grant stays
     * in use; UNAVAILABLE (PROVIDER_UNAVAILABLE, PROVIDER_THROTTLED).
     * </pre>
     */
    public io.github.mailwright.v1.CompleteAuthorizeResponse completeAuthorize(io.github.mailwright.v1.CompleteAuthorizeRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCompleteAuthorizeMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Forgets the grant at once: its tokens are erased, whatever the provider says, and
     * pending authorizations end. Then revokes it at the provider where the provider
     * can, which may end what other services of the same application and account were
     * granted. The service is PENDING_AUTHORIZATION afterwards, its queued mail HELD.
     * Succeeds where there is no grant.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) where
     * the service's auth is not oauth2.
     * </pre>
     */
    public io.github.mailwright.v1.RevokeAuthorizationResponse revokeAuthorization(io.github.mailwright.v1.RevokeAuthorizationRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRevokeAuthorizationMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Sends a test message now, past the queue but within the mailbox's limits, and
     * answers with each step. A failed test is an answer, not an error, also where no
     * grant is live. A passed one makes the service READY. Takes up to two minutes.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); FAILED_PRECONDITION (SERVICE_SUSPENDED);
     * RESOURCE_EXHAUSTED (RATE_LIMITED, CONCURRENCY_LIMITED, DAILY_LIMIT) where the
     * mailbox has no budget for it now.
     * </pre>
     */
    public io.github.mailwright.v1.SendTestResponse sendTest(io.github.mailwright.v1.SendTestRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getSendTestMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Creates an access key. Not safe to repeat: each call creates one. Its secret is
     * in this response and never again.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND) where service_ids names an unknown one;
     * FAILED_PRECONDITION (WRONG_STATE) at 10,000 keys of which none has ended. Beyond
     * that number, those that have ended are forgotten, the oldest first.
     * </pre>
     */
    public io.github.mailwright.v1.CreateAccessKeyResponse createAccessKey(io.github.mailwright.v1.CreateAccessKeyRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCreateAccessKeyMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists access keys, without secrets, the newest first; revoked and expired ones
     * too.
     * </pre>
     */
    public io.github.mailwright.v1.ListAccessKeysResponse listAccessKeys(io.github.mailwright.v1.ListAccessKeysRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListAccessKeysMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Revokes an access key: from the next call on it is UNAUTHENTICATED, and its
     * open streams end. Revoking twice succeeds.
     * Errors: NOT_FOUND (ACCESS_KEY_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) for
     * the last key with ROLE_ADMIN that is neither revoked nor expired: create another
     * one first.
     * </pre>
     */
    public io.github.mailwright.v1.RevokeAccessKeyResponse revokeAccessKey(io.github.mailwright.v1.RevokeAccessKeyRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRevokeAccessKeyMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads the vault's keys anew from where the server's configuration says that they
     * are, and seals everything by the first of them that an older one sealed: secrets,
     * tokens, pending authorizations and the keys of message bodies. Where the first one
     * has sealed everything already and the keys are in a file, the server makes a new
     * key and puts it first in that file. Mail goes on meanwhile. Takes longer the more is
     * stored; the server goes on to the end where the call is cancelled, and a repeat
     * goes on where a server was killed.
     * The server removes no key: unused_key_ids tells which ones it doesn't need any
     * more. Backups made before need them still.
     * Errors: FAILED_PRECONDITION (VAULT_KEY_UNUSABLE); nothing has changed then.
     * </pre>
     */
    public io.github.mailwright.v1.RotateVaultKeyResponse rotateVaultKey(io.github.mailwright.v1.RotateVaultKeyRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRotateVaultKeyMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Streams a copy of everything that is stored, as it is at one instant before the
     * stream ends, for "mailwright restore". Mail goes on meanwhile. It holds secrets
     * and bodies sealed, the vault's keys not at all, and who wrote to whom in the clear.
     * A copy without its last part is told from a whole one.
     * Errors: RESOURCE_EXHAUSTED (RATE_LIMITED) while another copy is made;
     * UNAVAILABLE (STORE_UNAVAILABLE) also where the caller reads so slowly that too
     * much changes meanwhile.
     * </pre>
     */
    public java.util.Iterator<io.github.mailwright.v1.ExportBackupResponse> exportBackup(
        io.github.mailwright.v1.ExportBackupRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getExportBackupMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Tells what this server is, where it is reached, where its mail leaves from and
     * what it takes.
     * </pre>
     */
    public io.github.mailwright.v1.GetServerInfoResponse getServerInfo(io.github.mailwright.v1.GetServerInfoRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetServerInfoMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service AdminAPI.
   * <pre>
   * Administers services and access keys.
   * Needs an access key ("authorization: Bearer KEY") with ROLE_ADMIN. GetServerInfo
   * takes any key; GetService and ListServices take any key for the services it may
   * use. Every RPC can fail with UNAUTHENTICATED, PERMISSION_DENIED,
   * INVALID_ARGUMENT (INVALID_FIELD, UNDECODABLE_REQUEST), RESOURCE_EXHAUSTED
   * (REQUEST_TOO_LARGE, over 1 MiB), UNAVAILABLE (DRAINING, STORE_UNAVAILABLE) and
   * INTERNAL; the comments list what comes on top, as code (reason).
   * </pre>
   */
  public static final class AdminAPIFutureStub
      extends io.grpc.stub.AbstractFutureStub<AdminAPIFutureStub> {
    private AdminAPIFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected AdminAPIFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new AdminAPIFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Registers a service. With a service_id, a repeat fails with ALREADY_EXISTS
     * and does no harm; without one, a repeat creates a second service.
     * Errors: ALREADY_EXISTS (SERVICE_EXISTS).
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.CreateServiceResponse> createService(
        io.github.mailwright.v1.CreateServiceRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCreateServiceMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Reads one service.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND), also where the access key may not use it.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.GetServiceResponse> getService(
        io.github.mailwright.v1.GetServiceRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetServiceMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Lists services by service_id: those that the access key may use.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.ListServicesResponse> listServices(
        io.github.mailwright.v1.ListServicesRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListServicesMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Changes the fields named by update_mask and no others.
     * Changing provider, login_email, client_id, tenant_id, cloud, grant or scopes
     * drops the grant. Changing smtp.host, smtp.port, smtp.tls or sender.address asks
     * for a new test. Changing smtp.host, smtp.port, smtp.tls, provider, cloud or
     * custom erases password, client secrets and grant unless the same request brings
     * the secrets anew: stored credentials never travel to a new address. The grant
     * stays only where the client_secret that is brought is the stored one: whoever
     * knows it may take the grant along. Other changes (name, reply_to, labels,
     * delivery, secrets) change nothing else.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); ABORTED (ETAG_MISMATCH);
     * INVALID_ARGUMENT (INVALID_FIELD) also for an empty mask or a path that is
     * unknown or output only.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.UpdateServiceResponse> updateService(
        io.github.mailwright.v1.UpdateServiceRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getUpdateServiceMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Deletes a service with its credentials. Its messages stay readable for their
     * retention, and its id is not free before they are gone. An UNCERTAIN message has
     * ended and is no obstacle: ResolveMessage decides it also without its service,
     * and until then it is kept.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); ABORTED (ETAG_MISMATCH);
     * FAILED_PRECONDITION (SERVICE_HAS_PENDING_MAIL).
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.DeleteServiceResponse> deleteService(
        io.github.mailwright.v1.DeleteServiceRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getDeleteServiceMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Stops sending: new mail is accepted as HELD, queued mail becomes HELD, a
     * transaction that runs is finished. Suspending twice is one suspension.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND).
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.SuspendServiceResponse> suspendService(
        io.github.mailwright.v1.SuspendServiceRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getSuspendServiceMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Ends a suspension, and makes a BLOCKED mailbox try again now rather than at its
     * next probe. Held mail becomes due where the service can send. Does nothing on a
     * READY service.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND).
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.ResumeServiceResponse> resumeService(
        io.github.mailwright.v1.ResumeServiceRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getResumeServiceMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Begins an OAuth2 authorization: whoever opens authorization_url and consents
     * comes back to this server's redirect_uri, which stores the grant. An existing
     * grant stays in use until then. Ends earlier pending authorizations of the
     * service.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) where
     * the service's auth is not oauth2, (APP_CONFIGURATION) where its settings lead to no
     * page, as GRANT_CLIENT_CREDENTIALS does with any provider but Microsoft.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.BeginAuthorizeResponse> beginAuthorize(
        io.github.mailwright.v1.BeginAuthorizeRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getBeginAuthorizeMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Finishes an authorization for a platform that owns its redirect page, and does
     * exactly what this server's own callback does. The state is used up, also by a
     * failure.
     * Errors: NOT_FOUND (AUTHORIZATION_NOT_FOUND); FAILED_PRECONDITION (CONSENT_DENIED,
     * WRONG_ACCOUNT, NO_REFRESH_TOKEN, MISSING_SCOPE, WRONG_AUDIENCE,
     * CLIENT_SECRET_INVALID and the other reasons of an identity provider), with Help
     * where the provider has a page: nothing is stored then, and an existing grant stays
     * in use; UNAVAILABLE (PROVIDER_UNAVAILABLE, PROVIDER_THROTTLED).
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.CompleteAuthorizeResponse> completeAuthorize(
        io.github.mailwright.v1.CompleteAuthorizeRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCompleteAuthorizeMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Forgets the grant at once: its tokens are erased, whatever the provider says, and
     * pending authorizations end. Then revokes it at the provider where the provider
     * can, which may end what other services of the same application and account were
     * granted. The service is PENDING_AUTHORIZATION afterwards, its queued mail HELD.
     * Succeeds where there is no grant.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) where
     * the service's auth is not oauth2.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.RevokeAuthorizationResponse> revokeAuthorization(
        io.github.mailwright.v1.RevokeAuthorizationRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRevokeAuthorizationMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Sends a test message now, past the queue but within the mailbox's limits, and
     * answers with each step. A failed test is an answer, not an error, also where no
     * grant is live. A passed one makes the service READY. Takes up to two minutes.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); FAILED_PRECONDITION (SERVICE_SUSPENDED);
     * RESOURCE_EXHAUSTED (RATE_LIMITED, CONCURRENCY_LIMITED, DAILY_LIMIT) where the
     * mailbox has no budget for it now.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.SendTestResponse> sendTest(
        io.github.mailwright.v1.SendTestRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getSendTestMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Creates an access key. Not safe to repeat: each call creates one. Its secret is
     * in this response and never again.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND) where service_ids names an unknown one;
     * FAILED_PRECONDITION (WRONG_STATE) at 10,000 keys of which none has ended. Beyond
     * that number, those that have ended are forgotten, the oldest first.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.CreateAccessKeyResponse> createAccessKey(
        io.github.mailwright.v1.CreateAccessKeyRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCreateAccessKeyMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Lists access keys, without secrets, the newest first; revoked and expired ones
     * too.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.ListAccessKeysResponse> listAccessKeys(
        io.github.mailwright.v1.ListAccessKeysRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListAccessKeysMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Revokes an access key: from the next call on it is UNAUTHENTICATED, and its
     * open streams end. Revoking twice succeeds.
     * Errors: NOT_FOUND (ACCESS_KEY_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) for
     * the last key with ROLE_ADMIN that is neither revoked nor expired: create another
     * one first.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.RevokeAccessKeyResponse> revokeAccessKey(
        io.github.mailwright.v1.RevokeAccessKeyRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRevokeAccessKeyMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Reads the vault's keys anew from where the server's configuration says that they
     * are, and seals everything by the first of them that an older one sealed: secrets,
     * tokens, pending authorizations and the keys of message bodies. Where the first one
     * has sealed everything already and the keys are in a file, the server makes a new
     * key and puts it first in that file. Mail goes on meanwhile. Takes longer the more is
     * stored; the server goes on to the end where the call is cancelled, and a repeat
     * goes on where a server was killed.
     * The server removes no key: unused_key_ids tells which ones it doesn't need any
     * more. Backups made before need them still.
     * Errors: FAILED_PRECONDITION (VAULT_KEY_UNUSABLE); nothing has changed then.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.RotateVaultKeyResponse> rotateVaultKey(
        io.github.mailwright.v1.RotateVaultKeyRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRotateVaultKeyMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Tells what this server is, where it is reached, where its mail leaves from and
     * what it takes.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.GetServerInfoResponse> getServerInfo(
        io.github.mailwright.v1.GetServerInfoRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetServerInfoMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_CREATE_SERVICE = 0;
  private static final int METHODID_GET_SERVICE = 1;
  private static final int METHODID_LIST_SERVICES = 2;
  private static final int METHODID_UPDATE_SERVICE = 3;
  private static final int METHODID_DELETE_SERVICE = 4;
  private static final int METHODID_SUSPEND_SERVICE = 5;
  private static final int METHODID_RESUME_SERVICE = 6;
  private static final int METHODID_BEGIN_AUTHORIZE = 7;
  private static final int METHODID_COMPLETE_AUTHORIZE = 8;
  private static final int METHODID_REVOKE_AUTHORIZATION = 9;
  private static final int METHODID_SEND_TEST = 10;
  private static final int METHODID_CREATE_ACCESS_KEY = 11;
  private static final int METHODID_LIST_ACCESS_KEYS = 12;
  private static final int METHODID_REVOKE_ACCESS_KEY = 13;
  private static final int METHODID_ROTATE_VAULT_KEY = 14;
  private static final int METHODID_EXPORT_BACKUP = 15;
  private static final int METHODID_GET_SERVER_INFO = 16;

  private static final class MethodHandlers<Req, Resp> implements
      io.grpc.stub.ServerCalls.UnaryMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ServerStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ClientStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.BidiStreamingMethod<Req, Resp> {
    private final AsyncService serviceImpl;
    private final int methodId;

    MethodHandlers(AsyncService serviceImpl, int methodId) {
      this.serviceImpl = serviceImpl;
      this.methodId = methodId;
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public void invoke(Req request, io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        case METHODID_CREATE_SERVICE:
          serviceImpl.createService((io.github.mailwright.v1.CreateServiceRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.CreateServiceResponse>) responseObserver);
          break;
        case METHODID_GET_SERVICE:
          serviceImpl.getService((io.github.mailwright.v1.GetServiceRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.GetServiceResponse>) responseObserver);
          break;
        case METHODID_LIST_SERVICES:
          serviceImpl.listServices((io.github.mailwright.v1.ListServicesRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.ListServicesResponse>) responseObserver);
          break;
        case METHODID_UPDATE_SERVICE:
          serviceImpl.updateService((io.github.mailwright.v1.UpdateServiceRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.UpdateServiceResponse>) responseObserver);
          break;
        case METHODID_DELETE_SERVICE:
          serviceImpl.deleteService((io.github.mailwright.v1.DeleteServiceRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.DeleteServiceResponse>) responseObserver);
          break;
        case METHODID_SUSPEND_SERVICE:
          serviceImpl.suspendService((io.github.mailwright.v1.SuspendServiceRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.SuspendServiceResponse>) responseObserver);
          break;
        case METHODID_RESUME_SERVICE:
          serviceImpl.resumeService((io.github.mailwright.v1.ResumeServiceRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.ResumeServiceResponse>) responseObserver);
          break;
        case METHODID_BEGIN_AUTHORIZE:
          serviceImpl.beginAuthorize((io.github.mailwright.v1.BeginAuthorizeRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.BeginAuthorizeResponse>) responseObserver);
          break;
        case METHODID_COMPLETE_AUTHORIZE:
          serviceImpl.completeAuthorize((io.github.mailwright.v1.CompleteAuthorizeRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.CompleteAuthorizeResponse>) responseObserver);
          break;
        case METHODID_REVOKE_AUTHORIZATION:
          serviceImpl.revokeAuthorization((io.github.mailwright.v1.RevokeAuthorizationRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.RevokeAuthorizationResponse>) responseObserver);
          break;
        case METHODID_SEND_TEST:
          serviceImpl.sendTest((io.github.mailwright.v1.SendTestRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.SendTestResponse>) responseObserver);
          break;
        case METHODID_CREATE_ACCESS_KEY:
          serviceImpl.createAccessKey((io.github.mailwright.v1.CreateAccessKeyRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.CreateAccessKeyResponse>) responseObserver);
          break;
        case METHODID_LIST_ACCESS_KEYS:
          serviceImpl.listAccessKeys((io.github.mailwright.v1.ListAccessKeysRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.ListAccessKeysResponse>) responseObserver);
          break;
        case METHODID_REVOKE_ACCESS_KEY:
          serviceImpl.revokeAccessKey((io.github.mailwright.v1.RevokeAccessKeyRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.RevokeAccessKeyResponse>) responseObserver);
          break;
        case METHODID_ROTATE_VAULT_KEY:
          serviceImpl.rotateVaultKey((io.github.mailwright.v1.RotateVaultKeyRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.RotateVaultKeyResponse>) responseObserver);
          break;
        case METHODID_EXPORT_BACKUP:
          serviceImpl.exportBackup((io.github.mailwright.v1.ExportBackupRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.ExportBackupResponse>) responseObserver);
          break;
        case METHODID_GET_SERVER_INFO:
          serviceImpl.getServerInfo((io.github.mailwright.v1.GetServerInfoRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.GetServerInfoResponse>) responseObserver);
          break;
        default:
          throw new AssertionError();
      }
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public io.grpc.stub.StreamObserver<Req> invoke(
        io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getCreateServiceMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.CreateServiceRequest,
              io.github.mailwright.v1.CreateServiceResponse>(
                service, METHODID_CREATE_SERVICE)))
        .addMethod(
          getGetServiceMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.GetServiceRequest,
              io.github.mailwright.v1.GetServiceResponse>(
                service, METHODID_GET_SERVICE)))
        .addMethod(
          getListServicesMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.ListServicesRequest,
              io.github.mailwright.v1.ListServicesResponse>(
                service, METHODID_LIST_SERVICES)))
        .addMethod(
          getUpdateServiceMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.UpdateServiceRequest,
              io.github.mailwright.v1.UpdateServiceResponse>(
                service, METHODID_UPDATE_SERVICE)))
        .addMethod(
          getDeleteServiceMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.DeleteServiceRequest,
              io.github.mailwright.v1.DeleteServiceResponse>(
                service, METHODID_DELETE_SERVICE)))
        .addMethod(
          getSuspendServiceMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.SuspendServiceRequest,
              io.github.mailwright.v1.SuspendServiceResponse>(
                service, METHODID_SUSPEND_SERVICE)))
        .addMethod(
          getResumeServiceMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.ResumeServiceRequest,
              io.github.mailwright.v1.ResumeServiceResponse>(
                service, METHODID_RESUME_SERVICE)))
        .addMethod(
          getBeginAuthorizeMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.BeginAuthorizeRequest,
              io.github.mailwright.v1.BeginAuthorizeResponse>(
                service, METHODID_BEGIN_AUTHORIZE)))
        .addMethod(
          getCompleteAuthorizeMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.CompleteAuthorizeRequest,
              io.github.mailwright.v1.CompleteAuthorizeResponse>(
                service, METHODID_COMPLETE_AUTHORIZE)))
        .addMethod(
          getRevokeAuthorizationMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.RevokeAuthorizationRequest,
              io.github.mailwright.v1.RevokeAuthorizationResponse>(
                service, METHODID_REVOKE_AUTHORIZATION)))
        .addMethod(
          getSendTestMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.SendTestRequest,
              io.github.mailwright.v1.SendTestResponse>(
                service, METHODID_SEND_TEST)))
        .addMethod(
          getCreateAccessKeyMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.CreateAccessKeyRequest,
              io.github.mailwright.v1.CreateAccessKeyResponse>(
                service, METHODID_CREATE_ACCESS_KEY)))
        .addMethod(
          getListAccessKeysMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.ListAccessKeysRequest,
              io.github.mailwright.v1.ListAccessKeysResponse>(
                service, METHODID_LIST_ACCESS_KEYS)))
        .addMethod(
          getRevokeAccessKeyMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.RevokeAccessKeyRequest,
              io.github.mailwright.v1.RevokeAccessKeyResponse>(
                service, METHODID_REVOKE_ACCESS_KEY)))
        .addMethod(
          getRotateVaultKeyMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.RotateVaultKeyRequest,
              io.github.mailwright.v1.RotateVaultKeyResponse>(
                service, METHODID_ROTATE_VAULT_KEY)))
        .addMethod(
          getExportBackupMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              io.github.mailwright.v1.ExportBackupRequest,
              io.github.mailwright.v1.ExportBackupResponse>(
                service, METHODID_EXPORT_BACKUP)))
        .addMethod(
          getGetServerInfoMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.GetServerInfoRequest,
              io.github.mailwright.v1.GetServerInfoResponse>(
                service, METHODID_GET_SERVER_INFO)))
        .build();
  }

  private static abstract class AdminAPIBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    AdminAPIBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return io.github.mailwright.v1.AdminProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("AdminAPI");
    }
  }

  private static final class AdminAPIFileDescriptorSupplier
      extends AdminAPIBaseDescriptorSupplier {
    AdminAPIFileDescriptorSupplier() {}
  }

  private static final class AdminAPIMethodDescriptorSupplier
      extends AdminAPIBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    AdminAPIMethodDescriptorSupplier(java.lang.String methodName) {
      this.methodName = methodName;
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.MethodDescriptor getMethodDescriptor() {
      return getServiceDescriptor().findMethodByName(methodName);
    }
  }

  private static volatile io.grpc.ServiceDescriptor serviceDescriptor;

  public static io.grpc.ServiceDescriptor getServiceDescriptor() {
    io.grpc.ServiceDescriptor result = serviceDescriptor;
    if (result == null) {
      synchronized (AdminAPIGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new AdminAPIFileDescriptorSupplier())
              .addMethod(getCreateServiceMethod())
              .addMethod(getGetServiceMethod())
              .addMethod(getListServicesMethod())
              .addMethod(getUpdateServiceMethod())
              .addMethod(getDeleteServiceMethod())
              .addMethod(getSuspendServiceMethod())
              .addMethod(getResumeServiceMethod())
              .addMethod(getBeginAuthorizeMethod())
              .addMethod(getCompleteAuthorizeMethod())
              .addMethod(getRevokeAuthorizationMethod())
              .addMethod(getSendTestMethod())
              .addMethod(getCreateAccessKeyMethod())
              .addMethod(getListAccessKeysMethod())
              .addMethod(getRevokeAccessKeyMethod())
              .addMethod(getRotateVaultKeyMethod())
              .addMethod(getExportBackupMethod())
              .addMethod(getGetServerInfoMethod())
              .build();
        }
      }
    }
    return result;
  }
}

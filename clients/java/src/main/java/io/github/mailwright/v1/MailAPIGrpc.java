package io.github.mailwright.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Accepts, reports and steers messages.
 * Needs an access key ("authorization: Bearer KEY") with ROLE_SENDER for the
 * service; GetMessage and ListMessages also take ROLE_WATCHER; ROLE_ADMIN may
 * call everything. A message of a service that the key may not use is NOT_FOUND
 * (MESSAGE_NOT_FOUND), as one that does not exist; a request that names such a service
 * is PERMISSION_DENIED, whether it exists or not. A SendStream ends with
 * UNAUTHENTICATED when its key is revoked or expires. Every RPC can fail with
 * UNAUTHENTICATED, PERMISSION_DENIED, INVALID_ARGUMENT (INVALID_FIELD,
 * UNDECODABLE_REQUEST), UNAVAILABLE (DRAINING, STORE_UNAVAILABLE) and INTERNAL; the comments list what comes on top, as code
 * (reason). A request is at most 48 MiB by default, else RESOURCE_EXHAUSTED
 * (REQUEST_TOO_LARGE).
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class MailAPIGrpc {

  private MailAPIGrpc() {}

  public static final java.lang.String SERVICE_NAME = "mailwright.v1.MailAPI";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.SendRequest,
      io.github.mailwright.v1.SendResponse> getSendMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Send",
      requestType = io.github.mailwright.v1.SendRequest.class,
      responseType = io.github.mailwright.v1.SendResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.SendRequest,
      io.github.mailwright.v1.SendResponse> getSendMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.SendRequest, io.github.mailwright.v1.SendResponse> getSendMethod;
    if ((getSendMethod = MailAPIGrpc.getSendMethod) == null) {
      synchronized (MailAPIGrpc.class) {
        if ((getSendMethod = MailAPIGrpc.getSendMethod) == null) {
          MailAPIGrpc.getSendMethod = getSendMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.SendRequest, io.github.mailwright.v1.SendResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Send"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.SendRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.SendResponse.getDefaultInstance()))
              .setSchemaDescriptor(new MailAPIMethodDescriptorSupplier("Send"))
              .build();
        }
      }
    }
    return getSendMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.SendStreamRequest,
      io.github.mailwright.v1.SendStreamResponse> getSendStreamMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "SendStream",
      requestType = io.github.mailwright.v1.SendStreamRequest.class,
      responseType = io.github.mailwright.v1.SendStreamResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.SendStreamRequest,
      io.github.mailwright.v1.SendStreamResponse> getSendStreamMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.SendStreamRequest, io.github.mailwright.v1.SendStreamResponse> getSendStreamMethod;
    if ((getSendStreamMethod = MailAPIGrpc.getSendStreamMethod) == null) {
      synchronized (MailAPIGrpc.class) {
        if ((getSendStreamMethod = MailAPIGrpc.getSendStreamMethod) == null) {
          MailAPIGrpc.getSendStreamMethod = getSendStreamMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.SendStreamRequest, io.github.mailwright.v1.SendStreamResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "SendStream"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.SendStreamRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.SendStreamResponse.getDefaultInstance()))
              .setSchemaDescriptor(new MailAPIMethodDescriptorSupplier("SendStream"))
              .build();
        }
      }
    }
    return getSendStreamMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.GetMessageRequest,
      io.github.mailwright.v1.GetMessageResponse> getGetMessageMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetMessage",
      requestType = io.github.mailwright.v1.GetMessageRequest.class,
      responseType = io.github.mailwright.v1.GetMessageResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.GetMessageRequest,
      io.github.mailwright.v1.GetMessageResponse> getGetMessageMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.GetMessageRequest, io.github.mailwright.v1.GetMessageResponse> getGetMessageMethod;
    if ((getGetMessageMethod = MailAPIGrpc.getGetMessageMethod) == null) {
      synchronized (MailAPIGrpc.class) {
        if ((getGetMessageMethod = MailAPIGrpc.getGetMessageMethod) == null) {
          MailAPIGrpc.getGetMessageMethod = getGetMessageMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.GetMessageRequest, io.github.mailwright.v1.GetMessageResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetMessage"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.GetMessageRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.GetMessageResponse.getDefaultInstance()))
              .setSchemaDescriptor(new MailAPIMethodDescriptorSupplier("GetMessage"))
              .build();
        }
      }
    }
    return getGetMessageMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.ListMessagesRequest,
      io.github.mailwright.v1.ListMessagesResponse> getListMessagesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListMessages",
      requestType = io.github.mailwright.v1.ListMessagesRequest.class,
      responseType = io.github.mailwright.v1.ListMessagesResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.ListMessagesRequest,
      io.github.mailwright.v1.ListMessagesResponse> getListMessagesMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.ListMessagesRequest, io.github.mailwright.v1.ListMessagesResponse> getListMessagesMethod;
    if ((getListMessagesMethod = MailAPIGrpc.getListMessagesMethod) == null) {
      synchronized (MailAPIGrpc.class) {
        if ((getListMessagesMethod = MailAPIGrpc.getListMessagesMethod) == null) {
          MailAPIGrpc.getListMessagesMethod = getListMessagesMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.ListMessagesRequest, io.github.mailwright.v1.ListMessagesResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListMessages"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.ListMessagesRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.ListMessagesResponse.getDefaultInstance()))
              .setSchemaDescriptor(new MailAPIMethodDescriptorSupplier("ListMessages"))
              .build();
        }
      }
    }
    return getListMessagesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.CancelMessageRequest,
      io.github.mailwright.v1.CancelMessageResponse> getCancelMessageMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CancelMessage",
      requestType = io.github.mailwright.v1.CancelMessageRequest.class,
      responseType = io.github.mailwright.v1.CancelMessageResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.CancelMessageRequest,
      io.github.mailwright.v1.CancelMessageResponse> getCancelMessageMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.CancelMessageRequest, io.github.mailwright.v1.CancelMessageResponse> getCancelMessageMethod;
    if ((getCancelMessageMethod = MailAPIGrpc.getCancelMessageMethod) == null) {
      synchronized (MailAPIGrpc.class) {
        if ((getCancelMessageMethod = MailAPIGrpc.getCancelMessageMethod) == null) {
          MailAPIGrpc.getCancelMessageMethod = getCancelMessageMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.CancelMessageRequest, io.github.mailwright.v1.CancelMessageResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CancelMessage"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.CancelMessageRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.CancelMessageResponse.getDefaultInstance()))
              .setSchemaDescriptor(new MailAPIMethodDescriptorSupplier("CancelMessage"))
              .build();
        }
      }
    }
    return getCancelMessageMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.RetryMessageRequest,
      io.github.mailwright.v1.RetryMessageResponse> getRetryMessageMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "RetryMessage",
      requestType = io.github.mailwright.v1.RetryMessageRequest.class,
      responseType = io.github.mailwright.v1.RetryMessageResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.RetryMessageRequest,
      io.github.mailwright.v1.RetryMessageResponse> getRetryMessageMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.RetryMessageRequest, io.github.mailwright.v1.RetryMessageResponse> getRetryMessageMethod;
    if ((getRetryMessageMethod = MailAPIGrpc.getRetryMessageMethod) == null) {
      synchronized (MailAPIGrpc.class) {
        if ((getRetryMessageMethod = MailAPIGrpc.getRetryMessageMethod) == null) {
          MailAPIGrpc.getRetryMessageMethod = getRetryMessageMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.RetryMessageRequest, io.github.mailwright.v1.RetryMessageResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "RetryMessage"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.RetryMessageRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.RetryMessageResponse.getDefaultInstance()))
              .setSchemaDescriptor(new MailAPIMethodDescriptorSupplier("RetryMessage"))
              .build();
        }
      }
    }
    return getRetryMessageMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.ResolveMessageRequest,
      io.github.mailwright.v1.ResolveMessageResponse> getResolveMessageMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ResolveMessage",
      requestType = io.github.mailwright.v1.ResolveMessageRequest.class,
      responseType = io.github.mailwright.v1.ResolveMessageResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.ResolveMessageRequest,
      io.github.mailwright.v1.ResolveMessageResponse> getResolveMessageMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.ResolveMessageRequest, io.github.mailwright.v1.ResolveMessageResponse> getResolveMessageMethod;
    if ((getResolveMessageMethod = MailAPIGrpc.getResolveMessageMethod) == null) {
      synchronized (MailAPIGrpc.class) {
        if ((getResolveMessageMethod = MailAPIGrpc.getResolveMessageMethod) == null) {
          MailAPIGrpc.getResolveMessageMethod = getResolveMessageMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.ResolveMessageRequest, io.github.mailwright.v1.ResolveMessageResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ResolveMessage"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.ResolveMessageRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.ResolveMessageResponse.getDefaultInstance()))
              .setSchemaDescriptor(new MailAPIMethodDescriptorSupplier("ResolveMessage"))
              .build();
        }
      }
    }
    return getResolveMessageMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static MailAPIStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<MailAPIStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<MailAPIStub>() {
        @java.lang.Override
        public MailAPIStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new MailAPIStub(channel, callOptions);
        }
      };
    return MailAPIStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static MailAPIBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<MailAPIBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<MailAPIBlockingV2Stub>() {
        @java.lang.Override
        public MailAPIBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new MailAPIBlockingV2Stub(channel, callOptions);
        }
      };
    return MailAPIBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static MailAPIBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<MailAPIBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<MailAPIBlockingStub>() {
        @java.lang.Override
        public MailAPIBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new MailAPIBlockingStub(channel, callOptions);
        }
      };
    return MailAPIBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static MailAPIFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<MailAPIFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<MailAPIFutureStub>() {
        @java.lang.Override
        public MailAPIFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new MailAPIFutureStub(channel, callOptions);
        }
      };
    return MailAPIFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Accepts, reports and steers messages.
   * Needs an access key ("authorization: Bearer KEY") with ROLE_SENDER for the
   * service; GetMessage and ListMessages also take ROLE_WATCHER; ROLE_ADMIN may
   * call everything. A message of a service that the key may not use is NOT_FOUND
   * (MESSAGE_NOT_FOUND), as one that does not exist; a request that names such a service
   * is PERMISSION_DENIED, whether it exists or not. A SendStream ends with
   * UNAUTHENTICATED when its key is revoked or expires. Every RPC can fail with
   * UNAUTHENTICATED, PERMISSION_DENIED, INVALID_ARGUMENT (INVALID_FIELD,
   * UNDECODABLE_REQUEST), UNAVAILABLE (DRAINING, STORE_UNAVAILABLE) and INTERNAL; the comments list what comes on top, as code
   * (reason). A request is at most 48 MiB by default, else RESOURCE_EXHAUSTED
   * (REQUEST_TOO_LARGE).
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Accepts one message. The answer comes only after the message is on disk and
     * synced: from then on it survives any crash and ends in a final state.
     * Safe to repeat with the same request_id: the repeat answers with the
     * message's current state, before any check of quota or state. A READY service
     * queues; once it was tested, every other state accepts the message as HELD and
     * the response says why.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); FAILED_PRECONDITION
     * (SERVICE_NOT_AUTHORIZED, SERVICE_NOT_TESTED) while no test has passed;
     * ALREADY_EXISTS (REQUEST_ID_REUSED); INVALID_ARGUMENT
     * (MESSAGE_TOO_LARGE); RESOURCE_EXHAUSTED (OUTBOX_FULL).
     * </pre>
     */
    default void send(io.github.mailwright.v1.SendRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.SendResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getSendMethod(), responseObserver);
    }

    /**
     * <pre>
     * Accepts many messages over one stream. Each request is answered by its tag as
     * soon as it is durable, in any order; one refused message does not end the
     * stream. Requests are processed at the same time, also those with the same
     * request_id, of which one is accepted and the others are deduplicated.
     * The server stops reading the stream while 256 requests or 16 MiB of them are
     * unanswered; an answer that the client has not taken counts as none. So read
     * the answers while you send. After the client closes its half, the server
     * answers what is left and ends the stream with OK. After a broken or cancelled
     * stream, whatever was not answered may or may not be accepted: repeat it with
     * its request_id.
     * Errors that end the stream: UNAVAILABLE (DRAINING), with RetryInfo;
     * INVALID_ARGUMENT (UNDECODABLE_REQUEST) and RESOURCE_EXHAUSTED
     * (REQUEST_TOO_LARGE), since gRPC can't tell what follows such a request; all
     * three after the answers to everything that was read before. All other failures
     * are SendStreamResponse.error.
     * </pre>
     */
    default io.grpc.stub.StreamObserver<io.github.mailwright.v1.SendStreamRequest> sendStream(
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.SendStreamResponse> responseObserver) {
      return io.grpc.stub.ServerCalls.asyncUnimplementedStreamingCall(getSendStreamMethod(), responseObserver);
    }

    /**
     * <pre>
     * Reads one message with its recipients and attempts.
     * Errors: NOT_FOUND (MESSAGE_NOT_FOUND).
     * </pre>
     */
    default void getMessage(io.github.mailwright.v1.GetMessageRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.GetMessageResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetMessageMethod(), responseObserver);
    }

    /**
     * <pre>
     * Lists messages, the newest create_time first. Only messages of services that
     * the access key may see are listed.
     * </pre>
     */
    default void listMessages(io.github.mailwright.v1.ListMessagesRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.ListMessagesResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListMessagesMethod(), responseObserver);
    }

    /**
     * <pre>
     * Cancels what is QUEUED or HELD. Recipients that are not PENDING keep their
     * outcome; one that was to be sent again because a reply was lost becomes
     * UNCERTAIN. Where a recipient is, the message becomes UNCERTAIN instead.
     * Cancelling a CANCELLED message changes nothing and succeeds.
     * Errors: NOT_FOUND (MESSAGE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) in
     * every other state: a message in SENDING can no longer be called back, and an
     * UNCERTAIN one takes RetryMessage or ResolveMessage.
     * </pre>
     */
    default void cancelMessage(io.github.mailwright.v1.CancelMessageRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.CancelMessageResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCancelMessageMethod(), responseObserver);
    }

    /**
     * <pre>
     * Queues a FAILED, EXPIRED, PARTIAL or UNCERTAIN message again, for the
     * recipients that have not accepted, with the same Message-ID and bytes.
     * Recipients that were cancelled stay so. Its backoff begins anew, and its
     * request_id is known again until it ends. For an UNCERTAIN message this may
     * deliver twice; each call adds at most one copy whose reply is lost. Not
     * idempotent by itself, but a repeat finds the message QUEUED and fails.
     * Errors: NOT_FOUND (MESSAGE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) in
     * every other state, once the message's bytes are trimmed (a message of SendTest
     * has none), or where its service is deleted.
     * </pre>
     */
    default void retryMessage(io.github.mailwright.v1.RetryMessageRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.RetryMessageResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRetryMessageMethod(), responseObserver);
    }

    /**
     * <pre>
     * Ends an UNCERTAIN message by a person's word, without sending: its UNCERTAIN
     * recipients become ACCEPTED or REFUSED, without a reply. Its service may be
     * deleted by now. Repeating it with the same resolution changes nothing and
     * succeeds.
     * Errors: NOT_FOUND (MESSAGE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE)
     * unless UNCERTAIN.
     * </pre>
     */
    default void resolveMessage(io.github.mailwright.v1.ResolveMessageRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.ResolveMessageResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getResolveMessageMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service MailAPI.
   * <pre>
   * Accepts, reports and steers messages.
   * Needs an access key ("authorization: Bearer KEY") with ROLE_SENDER for the
   * service; GetMessage and ListMessages also take ROLE_WATCHER; ROLE_ADMIN may
   * call everything. A message of a service that the key may not use is NOT_FOUND
   * (MESSAGE_NOT_FOUND), as one that does not exist; a request that names such a service
   * is PERMISSION_DENIED, whether it exists or not. A SendStream ends with
   * UNAUTHENTICATED when its key is revoked or expires. Every RPC can fail with
   * UNAUTHENTICATED, PERMISSION_DENIED, INVALID_ARGUMENT (INVALID_FIELD,
   * UNDECODABLE_REQUEST), UNAVAILABLE (DRAINING, STORE_UNAVAILABLE) and INTERNAL; the comments list what comes on top, as code
   * (reason). A request is at most 48 MiB by default, else RESOURCE_EXHAUSTED
   * (REQUEST_TOO_LARGE).
   * </pre>
   */
  public static abstract class MailAPIImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return MailAPIGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service MailAPI.
   * <pre>
   * Accepts, reports and steers messages.
   * Needs an access key ("authorization: Bearer KEY") with ROLE_SENDER for the
   * service; GetMessage and ListMessages also take ROLE_WATCHER; ROLE_ADMIN may
   * call everything. A message of a service that the key may not use is NOT_FOUND
   * (MESSAGE_NOT_FOUND), as one that does not exist; a request that names such a service
   * is PERMISSION_DENIED, whether it exists or not. A SendStream ends with
   * UNAUTHENTICATED when its key is revoked or expires. Every RPC can fail with
   * UNAUTHENTICATED, PERMISSION_DENIED, INVALID_ARGUMENT (INVALID_FIELD,
   * UNDECODABLE_REQUEST), UNAVAILABLE (DRAINING, STORE_UNAVAILABLE) and INTERNAL; the comments list what comes on top, as code
   * (reason). A request is at most 48 MiB by default, else RESOURCE_EXHAUSTED
   * (REQUEST_TOO_LARGE).
   * </pre>
   */
  public static final class MailAPIStub
      extends io.grpc.stub.AbstractAsyncStub<MailAPIStub> {
    private MailAPIStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected MailAPIStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new MailAPIStub(channel, callOptions);
    }

    /**
     * <pre>
     * Accepts one message. The answer comes only after the message is on disk and
     * synced: from then on it survives any crash and ends in a final state.
     * Safe to repeat with the same request_id: the repeat answers with the
     * message's current state, before any check of quota or state. A READY service
     * queues; once it was tested, every other state accepts the message as HELD and
     * the response says why.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); FAILED_PRECONDITION
     * (SERVICE_NOT_AUTHORIZED, SERVICE_NOT_TESTED) while no test has passed;
     * ALREADY_EXISTS (REQUEST_ID_REUSED); INVALID_ARGUMENT
     * (MESSAGE_TOO_LARGE); RESOURCE_EXHAUSTED (OUTBOX_FULL).
     * </pre>
     */
    public void send(io.github.mailwright.v1.SendRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.SendResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getSendMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Accepts many messages over one stream. Each request is answered by its tag as
     * soon as it is durable, in any order; one refused message does not end the
     * stream. Requests are processed at the same time, also those with the same
     * request_id, of which one is accepted and the others are deduplicated.
     * The server stops reading the stream while 256 requests or 16 MiB of them are
     * unanswered; an answer that the client has not taken counts as none. So read
     * the answers while you send. After the client closes its half, the server
     * answers what is left and ends the stream with OK. After a broken or cancelled
     * stream, whatever was not answered may or may not be accepted: repeat it with
     * its request_id.
     * Errors that end the stream: UNAVAILABLE (DRAINING), with RetryInfo;
     * INVALID_ARGUMENT (UNDECODABLE_REQUEST) and RESOURCE_EXHAUSTED
     * (REQUEST_TOO_LARGE), since gRPC can't tell what follows such a request; all
     * three after the answers to everything that was read before. All other failures
     * are SendStreamResponse.error.
     * </pre>
     */
    public io.grpc.stub.StreamObserver<io.github.mailwright.v1.SendStreamRequest> sendStream(
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.SendStreamResponse> responseObserver) {
      return io.grpc.stub.ClientCalls.asyncBidiStreamingCall(
          getChannel().newCall(getSendStreamMethod(), getCallOptions()), responseObserver);
    }

    /**
     * <pre>
     * Reads one message with its recipients and attempts.
     * Errors: NOT_FOUND (MESSAGE_NOT_FOUND).
     * </pre>
     */
    public void getMessage(io.github.mailwright.v1.GetMessageRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.GetMessageResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetMessageMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Lists messages, the newest create_time first. Only messages of services that
     * the access key may see are listed.
     * </pre>
     */
    public void listMessages(io.github.mailwright.v1.ListMessagesRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.ListMessagesResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListMessagesMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Cancels what is QUEUED or HELD. Recipients that are not PENDING keep their
     * outcome; one that was to be sent again because a reply was lost becomes
     * UNCERTAIN. Where a recipient is, the message becomes UNCERTAIN instead.
     * Cancelling a CANCELLED message changes nothing and succeeds.
     * Errors: NOT_FOUND (MESSAGE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) in
     * every other state: a message in SENDING can no longer be called back, and an
     * UNCERTAIN one takes RetryMessage or ResolveMessage.
     * </pre>
     */
    public void cancelMessage(io.github.mailwright.v1.CancelMessageRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.CancelMessageResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCancelMessageMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Queues a FAILED, EXPIRED, PARTIAL or UNCERTAIN message again, for the
     * recipients that have not accepted, with the same Message-ID and bytes.
     * Recipients that were cancelled stay so. Its backoff begins anew, and its
     * request_id is known again until it ends. For an UNCERTAIN message this may
     * deliver twice; each call adds at most one copy whose reply is lost. Not
     * idempotent by itself, but a repeat finds the message QUEUED and fails.
     * Errors: NOT_FOUND (MESSAGE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) in
     * every other state, once the message's bytes are trimmed (a message of SendTest
     * has none), or where its service is deleted.
     * </pre>
     */
    public void retryMessage(io.github.mailwright.v1.RetryMessageRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.RetryMessageResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRetryMessageMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Ends an UNCERTAIN message by a person's word, without sending: its UNCERTAIN
     * recipients become ACCEPTED or REFUSED, without a reply. Its service may be
     * deleted by now. Repeating it with the same resolution changes nothing and
     * succeeds.
     * Errors: NOT_FOUND (MESSAGE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE)
     * unless UNCERTAIN.
     * </pre>
     */
    public void resolveMessage(io.github.mailwright.v1.ResolveMessageRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.ResolveMessageResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getResolveMessageMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service MailAPI.
   * <pre>
   * Accepts, reports and steers messages.
   * Needs an access key ("authorization: Bearer KEY") with ROLE_SENDER for the
   * service; GetMessage and ListMessages also take ROLE_WATCHER; ROLE_ADMIN may
   * call everything. A message of a service that the key may not use is NOT_FOUND
   * (MESSAGE_NOT_FOUND), as one that does not exist; a request that names such a service
   * is PERMISSION_DENIED, whether it exists or not. A SendStream ends with
   * UNAUTHENTICATED when its key is revoked or expires. Every RPC can fail with
   * UNAUTHENTICATED, PERMISSION_DENIED, INVALID_ARGUMENT (INVALID_FIELD,
   * UNDECODABLE_REQUEST), UNAVAILABLE (DRAINING, STORE_UNAVAILABLE) and INTERNAL; the comments list what comes on top, as code
   * (reason). A request is at most 48 MiB by default, else RESOURCE_EXHAUSTED
   * (REQUEST_TOO_LARGE).
   * </pre>
   */
  public static final class MailAPIBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<MailAPIBlockingV2Stub> {
    private MailAPIBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected MailAPIBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new MailAPIBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Accepts one message. The answer comes only after the message is on disk and
     * synced: from then on it survives any crash and ends in a final state.
     * Safe to repeat with the same request_id: the repeat answers with the
     * message's current state, before any check of quota or state. A READY service
     * queues; once it was tested, every other state accepts the message as HELD and
     * the response says why.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); FAILED_PRECONDITION
     * (SERVICE_NOT_AUTHORIZED, SERVICE_NOT_TESTED) while no test has passed;
     * ALREADY_EXISTS (REQUEST_ID_REUSED); INVALID_ARGUMENT
     * (MESSAGE_TOO_LARGE); RESOURCE_EXHAUSTED (OUTBOX_FULL).
     * </pre>
     */
    public io.github.mailwright.v1.SendResponse send(io.github.mailwright.v1.SendRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getSendMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Accepts many messages over one stream. Each request is answered by its tag as
     * soon as it is durable, in any order; one refused message does not end the
     * stream. Requests are processed at the same time, also those with the same
     * request_id, of which one is accepted and the others are deduplicated.
     * The server stops reading the stream while 256 requests or 16 MiB of them are
     * unanswered; an answer that the client has not taken counts as none. So read
     * the answers while you send. After the client closes its half, the server
     * answers what is left and ends the stream with OK. After a broken or cancelled
     * stream, whatever was not answered may or may not be accepted: repeat it with
     * its request_id.
     * Errors that end the stream: UNAVAILABLE (DRAINING), with RetryInfo;
     * INVALID_ARGUMENT (UNDECODABLE_REQUEST) and RESOURCE_EXHAUSTED
     * (REQUEST_TOO_LARGE), since gRPC can't tell what follows such a request; all
     * three after the answers to everything that was read before. All other failures
     * are SendStreamResponse.error.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<io.github.mailwright.v1.SendStreamRequest, io.github.mailwright.v1.SendStreamResponse>
        sendStream() {
      return io.grpc.stub.ClientCalls.blockingBidiStreamingCall(
          getChannel(), getSendStreamMethod(), getCallOptions());
    }

    /**
     * <pre>
     * Reads one message with its recipients and attempts.
     * Errors: NOT_FOUND (MESSAGE_NOT_FOUND).
     * </pre>
     */
    public io.github.mailwright.v1.GetMessageResponse getMessage(io.github.mailwright.v1.GetMessageRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetMessageMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists messages, the newest create_time first. Only messages of services that
     * the access key may see are listed.
     * </pre>
     */
    public io.github.mailwright.v1.ListMessagesResponse listMessages(io.github.mailwright.v1.ListMessagesRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListMessagesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Cancels what is QUEUED or HELD. Recipients that are not PENDING keep their
     * outcome; one that was to be sent again because a reply was lost becomes
     * UNCERTAIN. Where a recipient is, the message becomes UNCERTAIN instead.
     * Cancelling a CANCELLED message changes nothing and succeeds.
     * Errors: NOT_FOUND (MESSAGE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) in
     * every other state: a message in SENDING can no longer be called back, and an
     * UNCERTAIN one takes RetryMessage or ResolveMessage.
     * </pre>
     */
    public io.github.mailwright.v1.CancelMessageResponse cancelMessage(io.github.mailwright.v1.CancelMessageRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCancelMessageMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Queues a FAILED, EXPIRED, PARTIAL or UNCERTAIN message again, for the
     * recipients that have not accepted, with the same Message-ID and bytes.
     * Recipients that were cancelled stay so. Its backoff begins anew, and its
     * request_id is known again until it ends. For an UNCERTAIN message this may
     * deliver twice; each call adds at most one copy whose reply is lost. Not
     * idempotent by itself, but a repeat finds the message QUEUED and fails.
     * Errors: NOT_FOUND (MESSAGE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) in
     * every other state, once the message's bytes are trimmed (a message of SendTest
     * has none), or where its service is deleted.
     * </pre>
     */
    public io.github.mailwright.v1.RetryMessageResponse retryMessage(io.github.mailwright.v1.RetryMessageRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRetryMessageMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends an UNCERTAIN message by a person's word, without sending: its UNCERTAIN
     * recipients become ACCEPTED or REFUSED, without a reply. Its service may be
     * deleted by now. Repeating it with the same resolution changes nothing and
     * succeeds.
     * Errors: NOT_FOUND (MESSAGE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE)
     * unless UNCERTAIN.
     * </pre>
     */
    public io.github.mailwright.v1.ResolveMessageResponse resolveMessage(io.github.mailwright.v1.ResolveMessageRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getResolveMessageMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service MailAPI.
   * <pre>
   * Accepts, reports and steers messages.
   * Needs an access key ("authorization: Bearer KEY") with ROLE_SENDER for the
   * service; GetMessage and ListMessages also take ROLE_WATCHER; ROLE_ADMIN may
   * call everything. A message of a service that the key may not use is NOT_FOUND
   * (MESSAGE_NOT_FOUND), as one that does not exist; a request that names such a service
   * is PERMISSION_DENIED, whether it exists or not. A SendStream ends with
   * UNAUTHENTICATED when its key is revoked or expires. Every RPC can fail with
   * UNAUTHENTICATED, PERMISSION_DENIED, INVALID_ARGUMENT (INVALID_FIELD,
   * UNDECODABLE_REQUEST), UNAVAILABLE (DRAINING, STORE_UNAVAILABLE) and INTERNAL; the comments list what comes on top, as code
   * (reason). A request is at most 48 MiB by default, else RESOURCE_EXHAUSTED
   * (REQUEST_TOO_LARGE).
   * </pre>
   */
  public static final class MailAPIBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<MailAPIBlockingStub> {
    private MailAPIBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected MailAPIBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new MailAPIBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Accepts one message. The answer comes only after the message is on disk and
     * synced: from then on it survives any crash and ends in a final state.
     * Safe to repeat with the same request_id: the repeat answers with the
     * message's current state, before any check of quota or state. A READY service
     * queues; once it was tested, every other state accepts the message as HELD and
     * the response says why.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); FAILED_PRECONDITION
     * (SERVICE_NOT_AUTHORIZED, SERVICE_NOT_TESTED) while no test has passed;
     * ALREADY_EXISTS (REQUEST_ID_REUSED); INVALID_ARGUMENT
     * (MESSAGE_TOO_LARGE); RESOURCE_EXHAUSTED (OUTBOX_FULL).
     * </pre>
     */
    public io.github.mailwright.v1.SendResponse send(io.github.mailwright.v1.SendRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getSendMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads one message with its recipients and attempts.
     * Errors: NOT_FOUND (MESSAGE_NOT_FOUND).
     * </pre>
     */
    public io.github.mailwright.v1.GetMessageResponse getMessage(io.github.mailwright.v1.GetMessageRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetMessageMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists messages, the newest create_time first. Only messages of services that
     * the access key may see are listed.
     * </pre>
     */
    public io.github.mailwright.v1.ListMessagesResponse listMessages(io.github.mailwright.v1.ListMessagesRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListMessagesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Cancels what is QUEUED or HELD. Recipients that are not PENDING keep their
     * outcome; one that was to be sent again because a reply was lost becomes
     * UNCERTAIN. Where a recipient is, the message becomes UNCERTAIN instead.
     * Cancelling a CANCELLED message changes nothing and succeeds.
     * Errors: NOT_FOUND (MESSAGE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) in
     * every other state: a message in SENDING can no longer be called back, and an
     * UNCERTAIN one takes RetryMessage or ResolveMessage.
     * </pre>
     */
    public io.github.mailwright.v1.CancelMessageResponse cancelMessage(io.github.mailwright.v1.CancelMessageRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCancelMessageMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Queues a FAILED, EXPIRED, PARTIAL or UNCERTAIN message again, for the
     * recipients that have not accepted, with the same Message-ID and bytes.
     * Recipients that were cancelled stay so. Its backoff begins anew, and its
     * request_id is known again until it ends. For an UNCERTAIN message this may
     * deliver twice; each call adds at most one copy whose reply is lost. Not
     * idempotent by itself, but a repeat finds the message QUEUED and fails.
     * Errors: NOT_FOUND (MESSAGE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) in
     * every other state, once the message's bytes are trimmed (a message of SendTest
     * has none), or where its service is deleted.
     * </pre>
     */
    public io.github.mailwright.v1.RetryMessageResponse retryMessage(io.github.mailwright.v1.RetryMessageRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRetryMessageMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends an UNCERTAIN message by a person's word, without sending: its UNCERTAIN
     * recipients become ACCEPTED or REFUSED, without a reply. Its service may be
     * deleted by now. Repeating it with the same resolution changes nothing and
     * succeeds.
     * Errors: NOT_FOUND (MESSAGE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE)
     * unless UNCERTAIN.
     * </pre>
     */
    public io.github.mailwright.v1.ResolveMessageResponse resolveMessage(io.github.mailwright.v1.ResolveMessageRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getResolveMessageMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service MailAPI.
   * <pre>
   * Accepts, reports and steers messages.
   * Needs an access key ("authorization: Bearer KEY") with ROLE_SENDER for the
   * service; GetMessage and ListMessages also take ROLE_WATCHER; ROLE_ADMIN may
   * call everything. A message of a service that the key may not use is NOT_FOUND
   * (MESSAGE_NOT_FOUND), as one that does not exist; a request that names such a service
   * is PERMISSION_DENIED, whether it exists or not. A SendStream ends with
   * UNAUTHENTICATED when its key is revoked or expires. Every RPC can fail with
   * UNAUTHENTICATED, PERMISSION_DENIED, INVALID_ARGUMENT (INVALID_FIELD,
   * UNDECODABLE_REQUEST), UNAVAILABLE (DRAINING, STORE_UNAVAILABLE) and INTERNAL; the comments list what comes on top, as code
   * (reason). A request is at most 48 MiB by default, else RESOURCE_EXHAUSTED
   * (REQUEST_TOO_LARGE).
   * </pre>
   */
  public static final class MailAPIFutureStub
      extends io.grpc.stub.AbstractFutureStub<MailAPIFutureStub> {
    private MailAPIFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected MailAPIFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new MailAPIFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Accepts one message. The answer comes only after the message is on disk and
     * synced: from then on it survives any crash and ends in a final state.
     * Safe to repeat with the same request_id: the repeat answers with the
     * message's current state, before any check of quota or state. A READY service
     * queues; once it was tested, every other state accepts the message as HELD and
     * the response says why.
     * Errors: NOT_FOUND (SERVICE_NOT_FOUND); FAILED_PRECONDITION
     * (SERVICE_NOT_AUTHORIZED, SERVICE_NOT_TESTED) while no test has passed;
     * ALREADY_EXISTS (REQUEST_ID_REUSED); INVALID_ARGUMENT
     * (MESSAGE_TOO_LARGE); RESOURCE_EXHAUSTED (OUTBOX_FULL).
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.SendResponse> send(
        io.github.mailwright.v1.SendRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getSendMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Reads one message with its recipients and attempts.
     * Errors: NOT_FOUND (MESSAGE_NOT_FOUND).
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.GetMessageResponse> getMessage(
        io.github.mailwright.v1.GetMessageRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetMessageMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Lists messages, the newest create_time first. Only messages of services that
     * the access key may see are listed.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.ListMessagesResponse> listMessages(
        io.github.mailwright.v1.ListMessagesRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListMessagesMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Cancels what is QUEUED or HELD. Recipients that are not PENDING keep their
     * outcome; one that was to be sent again because a reply was lost becomes
     * UNCERTAIN. Where a recipient is, the message becomes UNCERTAIN instead.
     * Cancelling a CANCELLED message changes nothing and succeeds.
     * Errors: NOT_FOUND (MESSAGE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) in
     * every other state: a message in SENDING can no longer be called back, and an
     * UNCERTAIN one takes RetryMessage or ResolveMessage.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.CancelMessageResponse> cancelMessage(
        io.github.mailwright.v1.CancelMessageRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCancelMessageMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Queues a FAILED, EXPIRED, PARTIAL or UNCERTAIN message again, for the
     * recipients that have not accepted, with the same Message-ID and bytes.
     * Recipients that were cancelled stay so. Its backoff begins anew, and its
     * request_id is known again until it ends. For an UNCERTAIN message this may
     * deliver twice; each call adds at most one copy whose reply is lost. Not
     * idempotent by itself, but a repeat finds the message QUEUED and fails.
     * Errors: NOT_FOUND (MESSAGE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE) in
     * every other state, once the message's bytes are trimmed (a message of SendTest
     * has none), or where its service is deleted.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.RetryMessageResponse> retryMessage(
        io.github.mailwright.v1.RetryMessageRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRetryMessageMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Ends an UNCERTAIN message by a person's word, without sending: its UNCERTAIN
     * recipients become ACCEPTED or REFUSED, without a reply. Its service may be
     * deleted by now. Repeating it with the same resolution changes nothing and
     * succeeds.
     * Errors: NOT_FOUND (MESSAGE_NOT_FOUND); FAILED_PRECONDITION (WRONG_STATE)
     * unless UNCERTAIN.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.github.mailwright.v1.ResolveMessageResponse> resolveMessage(
        io.github.mailwright.v1.ResolveMessageRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getResolveMessageMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_SEND = 0;
  private static final int METHODID_GET_MESSAGE = 1;
  private static final int METHODID_LIST_MESSAGES = 2;
  private static final int METHODID_CANCEL_MESSAGE = 3;
  private static final int METHODID_RETRY_MESSAGE = 4;
  private static final int METHODID_RESOLVE_MESSAGE = 5;
  private static final int METHODID_SEND_STREAM = 6;

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
        case METHODID_SEND:
          serviceImpl.send((io.github.mailwright.v1.SendRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.SendResponse>) responseObserver);
          break;
        case METHODID_GET_MESSAGE:
          serviceImpl.getMessage((io.github.mailwright.v1.GetMessageRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.GetMessageResponse>) responseObserver);
          break;
        case METHODID_LIST_MESSAGES:
          serviceImpl.listMessages((io.github.mailwright.v1.ListMessagesRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.ListMessagesResponse>) responseObserver);
          break;
        case METHODID_CANCEL_MESSAGE:
          serviceImpl.cancelMessage((io.github.mailwright.v1.CancelMessageRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.CancelMessageResponse>) responseObserver);
          break;
        case METHODID_RETRY_MESSAGE:
          serviceImpl.retryMessage((io.github.mailwright.v1.RetryMessageRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.RetryMessageResponse>) responseObserver);
          break;
        case METHODID_RESOLVE_MESSAGE:
          serviceImpl.resolveMessage((io.github.mailwright.v1.ResolveMessageRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.ResolveMessageResponse>) responseObserver);
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
        case METHODID_SEND_STREAM:
          return (io.grpc.stub.StreamObserver<Req>) serviceImpl.sendStream(
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.SendStreamResponse>) responseObserver);
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getSendMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.SendRequest,
              io.github.mailwright.v1.SendResponse>(
                service, METHODID_SEND)))
        .addMethod(
          getSendStreamMethod(),
          io.grpc.stub.ServerCalls.asyncBidiStreamingCall(
            new MethodHandlers<
              io.github.mailwright.v1.SendStreamRequest,
              io.github.mailwright.v1.SendStreamResponse>(
                service, METHODID_SEND_STREAM)))
        .addMethod(
          getGetMessageMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.GetMessageRequest,
              io.github.mailwright.v1.GetMessageResponse>(
                service, METHODID_GET_MESSAGE)))
        .addMethod(
          getListMessagesMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.ListMessagesRequest,
              io.github.mailwright.v1.ListMessagesResponse>(
                service, METHODID_LIST_MESSAGES)))
        .addMethod(
          getCancelMessageMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.CancelMessageRequest,
              io.github.mailwright.v1.CancelMessageResponse>(
                service, METHODID_CANCEL_MESSAGE)))
        .addMethod(
          getRetryMessageMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.RetryMessageRequest,
              io.github.mailwright.v1.RetryMessageResponse>(
                service, METHODID_RETRY_MESSAGE)))
        .addMethod(
          getResolveMessageMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.github.mailwright.v1.ResolveMessageRequest,
              io.github.mailwright.v1.ResolveMessageResponse>(
                service, METHODID_RESOLVE_MESSAGE)))
        .build();
  }

  private static abstract class MailAPIBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    MailAPIBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return io.github.mailwright.v1.MailProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("MailAPI");
    }
  }

  private static final class MailAPIFileDescriptorSupplier
      extends MailAPIBaseDescriptorSupplier {
    MailAPIFileDescriptorSupplier() {}
  }

  private static final class MailAPIMethodDescriptorSupplier
      extends MailAPIBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    MailAPIMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (MailAPIGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new MailAPIFileDescriptorSupplier())
              .addMethod(getSendMethod())
              .addMethod(getSendStreamMethod())
              .addMethod(getGetMessageMethod())
              .addMethod(getListMessagesMethod())
              .addMethod(getCancelMessageMethod())
              .addMethod(getRetryMessageMethod())
              .addMethod(getResolveMessageMethod())
              .build();
        }
      }
    }
    return result;
  }
}

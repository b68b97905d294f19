package io.github.mailwright.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Tells what happens, from any place in the past that is still kept.
 * Needs an access key ("authorization: Bearer KEY") with ROLE_WATCHER or
 * ROLE_SENDER for the services watched, or ROLE_ADMIN. A stream ends with
 * UNAUTHENTICATED when its key is revoked or expires.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class StatusAPIGrpc {

  private StatusAPIGrpc() {}

  public static final java.lang.String SERVICE_NAME = "mailwright.v1.StatusAPI";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<io.github.mailwright.v1.WatchStatusRequest,
      io.github.mailwright.v1.WatchStatusResponse> getWatchStatusMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "WatchStatus",
      requestType = io.github.mailwright.v1.WatchStatusRequest.class,
      responseType = io.github.mailwright.v1.WatchStatusResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<io.github.mailwright.v1.WatchStatusRequest,
      io.github.mailwright.v1.WatchStatusResponse> getWatchStatusMethod() {
    io.grpc.MethodDescriptor<io.github.mailwright.v1.WatchStatusRequest, io.github.mailwright.v1.WatchStatusResponse> getWatchStatusMethod;
    if ((getWatchStatusMethod = StatusAPIGrpc.getWatchStatusMethod) == null) {
      synchronized (StatusAPIGrpc.class) {
        if ((getWatchStatusMethod = StatusAPIGrpc.getWatchStatusMethod) == null) {
          StatusAPIGrpc.getWatchStatusMethod = getWatchStatusMethod =
              io.grpc.MethodDescriptor.<io.github.mailwright.v1.WatchStatusRequest, io.github.mailwright.v1.WatchStatusResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "WatchStatus"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.WatchStatusRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.github.mailwright.v1.WatchStatusResponse.getDefaultInstance()))
              .setSchemaDescriptor(new StatusAPIMethodDescriptorSupplier("WatchStatus"))
              .build();
        }
      }
    }
    return getWatchStatusMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static StatusAPIStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<StatusAPIStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<StatusAPIStub>() {
        @java.lang.Override
        public StatusAPIStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new StatusAPIStub(channel, callOptions);
        }
      };
    return StatusAPIStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static StatusAPIBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<StatusAPIBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<StatusAPIBlockingV2Stub>() {
        @java.lang.Override
        public StatusAPIBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new StatusAPIBlockingV2Stub(channel, callOptions);
        }
      };
    return StatusAPIBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static StatusAPIBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<StatusAPIBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<StatusAPIBlockingStub>() {
        @java.lang.Override
        public StatusAPIBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new StatusAPIBlockingStub(channel, callOptions);
        }
      };
    return StatusAPIBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static StatusAPIFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<StatusAPIFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<StatusAPIFutureStub>() {
        @java.lang.Override
        public StatusAPIFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new StatusAPIFutureStub(channel, callOptions);
        }
      };
    return StatusAPIFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Tells what happens, from any place in the past that is still kept.
   * Needs an access key ("authorization: Bearer KEY") with ROLE_WATCHER or
   * ROLE_SENDER for the services watched, or ROLE_ADMIN. A stream ends with
   * UNAUTHENTICATED when its key is revoked or expires.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Streams events in the order in which they were committed, each after the state
     * it tells, none twice, none left out, until the client ends it. A client that
     * keeps the newest cursor it has handled goes on there after any break; a slow one
     * is read for at its own pace, and holds up nobody else. What it leaves unread
     * counts against its connection's HTTP/2 window: streams that are read at different
     * paces need connections of their own.
     * Errors: INVALID_ARGUMENT (INVALID_FIELD, CURSOR_INVALID); OUT_OF_RANGE
     * (CURSOR_OUT_OF_RANGE) where the cursor is of another store, in the future or
     * older than retention, also later in the stream where a slow client falls behind
     * retention: take GetServerInfo's newest_cursor, then read the state by
     * ListMessages and ListServices, then watch from that cursor; RESOURCE_EXHAUSTED
     * at too many streams; UNAVAILABLE (DRAINING, STORE_UNAVAILABLE), go on at the
     * newest cursor; UNAUTHENTICATED; PERMISSION_DENIED; INTERNAL.
     * </pre>
     */
    default void watchStatus(io.github.mailwright.v1.WatchStatusRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.WatchStatusResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getWatchStatusMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service StatusAPI.
   * <pre>
   * Tells what happens, from any place in the past that is still kept.
   * Needs an access key ("authorization: Bearer KEY") with ROLE_WATCHER or
   * ROLE_SENDER for the services watched, or ROLE_ADMIN. A stream ends with
   * UNAUTHENTICATED when its key is revoked or expires.
   * </pre>
   */
  public static abstract class StatusAPIImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return StatusAPIGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service StatusAPI.
   * <pre>
   * Tells what happens, from any place in the past that is still kept.
   * Needs an access key ("authorization: Bearer KEY") with ROLE_WATCHER or
   * ROLE_SENDER for the services watched, or ROLE_ADMIN. A stream ends with
   * UNAUTHENTICATED when its key is revoked or expires.
   * </pre>
   */
  public static final class StatusAPIStub
      extends io.grpc.stub.AbstractAsyncStub<StatusAPIStub> {
    private StatusAPIStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected StatusAPIStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new StatusAPIStub(channel, callOptions);
    }

    /**
     * <pre>
     * Streams events in the order in which they were committed, each after the state
     * it tells, none twice, none left out, until the client ends it. A client that
     * keeps the newest cursor it has handled goes on there after any break; a slow one
     * is read for at its own pace, and holds up nobody else. What it leaves unread
     * counts against its connection's HTTP/2 window: streams that are read at different
     * paces need connections of their own.
     * Errors: INVALID_ARGUMENT (INVALID_FIELD, CURSOR_INVALID); OUT_OF_RANGE
     * (CURSOR_OUT_OF_RANGE) where the cursor is of another store, in the future or
     * older than retention, also later in the stream where a slow client falls behind
     * retention: take GetServerInfo's newest_cursor, then read the state by
     * ListMessages and ListServices, then watch from that cursor; RESOURCE_EXHAUSTED
     * at too many streams; UNAVAILABLE (DRAINING, STORE_UNAVAILABLE), go on at the
     * newest cursor; UNAUTHENTICATED; PERMISSION_DENIED; INTERNAL.
     * </pre>
     */
    public void watchStatus(io.github.mailwright.v1.WatchStatusRequest request,
        io.grpc.stub.StreamObserver<io.github.mailwright.v1.WatchStatusResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getWatchStatusMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service StatusAPI.
   * <pre>
   * Tells what happens, from any place in the past that is still kept.
   * Needs an access key ("authorization: Bearer KEY") with ROLE_WATCHER or
   * ROLE_SENDER for the services watched, or ROLE_ADMIN. A stream ends with
   * UNAUTHENTICATED when its key is revoked or expires.
   * </pre>
   */
  public static final class StatusAPIBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<StatusAPIBlockingV2Stub> {
    private StatusAPIBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected StatusAPIBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new StatusAPIBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Streams events in the order in which they were committed, each after the state
     * it tells, none twice, none left out, until the client ends it. A client that
     * keeps the newest cursor it has handled goes on there after any break; a slow one
     * is read for at its own pace, and holds up nobody else. What it leaves unread
     * counts against its connection's HTTP/2 window: streams that are read at different
     * paces need connections of their own.
     * Errors: INVALID_ARGUMENT (INVALID_FIELD, CURSOR_INVALID); OUT_OF_RANGE
     * (CURSOR_OUT_OF_RANGE) where the cursor is of another store, in the future or
     * older than retention, also later in the stream where a slow client falls behind
     * retention: take GetServerInfo's newest_cursor, then read the state by
     * ListMessages and ListServices, then watch from that cursor; RESOURCE_EXHAUSTED
     * at too many streams; UNAVAILABLE (DRAINING, STORE_UNAVAILABLE), go on at the
     * newest cursor; UNAUTHENTICATED; PERMISSION_DENIED; INTERNAL.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, io.github.mailwright.v1.WatchStatusResponse>
        watchStatus(io.github.mailwright.v1.WatchStatusRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getWatchStatusMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service StatusAPI.
   * <pre>
   * Tells what happens, from any place in the past that is still kept.
   * Needs an access key ("authorization: Bearer KEY") with ROLE_WATCHER or
   * ROLE_SENDER for the services watched, or ROLE_ADMIN. A stream ends with
   * UNAUTHENTICATED when its key is revoked or expires.
   * </pre>
   */
  public static final class StatusAPIBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<StatusAPIBlockingStub> {
    private StatusAPIBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected StatusAPIBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new StatusAPIBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Streams events in the order in which they were committed, each after the state
     * it tells, none twice, none left out, until the client ends it. A client that
     * keeps the newest cursor it has handled goes on there after any break; a slow one
     * is read for at its own pace, and holds up nobody else. What it leaves unread
     * counts against its connection's HTTP/2 window: streams that are read at different
     * paces need connections of their own.
     * Errors: INVALID_ARGUMENT (INVALID_FIELD, CURSOR_INVALID); OUT_OF_RANGE
     * (CURSOR_OUT_OF_RANGE) where the cursor is of another store, in the future or
     * older than retention, also later in the stream where a slow client falls behind
     * retention: take GetServerInfo's newest_cursor, then read the state by
     * ListMessages and ListServices, then watch from that cursor; RESOURCE_EXHAUSTED
     * at too many streams; UNAVAILABLE (DRAINING, STORE_UNAVAILABLE), go on at the
     * newest cursor; UNAUTHENTICATED; PERMISSION_DENIED; INTERNAL.
     * </pre>
     */
    public java.util.Iterator<io.github.mailwright.v1.WatchStatusResponse> watchStatus(
        io.github.mailwright.v1.WatchStatusRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getWatchStatusMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service StatusAPI.
   * <pre>
   * Tells what happens, from any place in the past that is still kept.
   * Needs an access key ("authorization: Bearer KEY") with ROLE_WATCHER or
   * ROLE_SENDER for the services watched, or ROLE_ADMIN. A stream ends with
   * UNAUTHENTICATED when its key is revoked or expires.
   * </pre>
   */
  public static final class StatusAPIFutureStub
      extends io.grpc.stub.AbstractFutureStub<StatusAPIFutureStub> {
    private StatusAPIFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected StatusAPIFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new StatusAPIFutureStub(channel, callOptions);
    }
  }

  private static final int METHODID_WATCH_STATUS = 0;

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
        case METHODID_WATCH_STATUS:
          serviceImpl.watchStatus((io.github.mailwright.v1.WatchStatusRequest) request,
              (io.grpc.stub.StreamObserver<io.github.mailwright.v1.WatchStatusResponse>) responseObserver);
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
          getWatchStatusMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              io.github.mailwright.v1.WatchStatusRequest,
              io.github.mailwright.v1.WatchStatusResponse>(
                service, METHODID_WATCH_STATUS)))
        .build();
  }

  private static abstract class StatusAPIBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    StatusAPIBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return io.github.mailwright.v1.StatusProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("StatusAPI");
    }
  }

  private static final class StatusAPIFileDescriptorSupplier
      extends StatusAPIBaseDescriptorSupplier {
    StatusAPIFileDescriptorSupplier() {}
  }

  private static final class StatusAPIMethodDescriptorSupplier
      extends StatusAPIBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    StatusAPIMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (StatusAPIGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new StatusAPIFileDescriptorSupplier())
              .addMethod(getWatchStatusMethod())
              .build();
        }
      }
    }
    return result;
  }
}

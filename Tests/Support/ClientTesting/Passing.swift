import NIOCore

/// The end of a channel that gives what it hears to another one, and ends it when it ends.
package final class Passing: ChannelInboundHandler {
    package typealias InboundIn = ByteBuffer

    private let other: any Channel

    package init(to other: any Channel) { self.other = other }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        other.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    package func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

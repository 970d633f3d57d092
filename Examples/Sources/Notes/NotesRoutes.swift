import Hummingbird
import MartletClient
import MartletHummingbird
import MartletRecipes
import NIOCore

/// The service's routes.
///
///     GET    /notes/{id}          a note
///     GET    /notes?ids=1,2,3     those that there are
///     POST   /notes               {"text": ...}: a new one
///     PUT    /notes/{id}          {"text": ...}
///     DELETE /notes/{id}
///     PUT    /drafts/{name}       any text, kept for an hour
///     GET    /drafts/{name}
///     GET    /reads               how often the database was asked
public func notesRouter(_ store: NoteStore, cache: CacheClient) -> Router<NotesContext> {
    let router = Router(context: NotesContext.self)
    router.add(middleware: RateLimit(RateLimiter(cache, limit: 1000, per: .seconds(1))))
    let catalog = NoteCatalog(store, cache: cache)
    addNotes(router, catalog)
    addDrafts(router, MartletPersistDriver(cache, namespace: "draft"))
    router.get("reads") { _, _ in "\(store.readCount)\n" }
    return router
}

private func addNotes(_ router: Router<NotesContext>, _ catalog: NoteCatalog) {
    router.get("notes/:id") { _, context -> Note in
        guard let note = try await catalog.note(try context.parameters.require("id", as: Int64.self)) else {
            throw HTTPError(.notFound)
        }
        return note
    }
    router.get("notes") { request, _ -> [Note] in
        let ids = request.uri.queryParameters["ids"]?.split(separator: ",").compactMap { Int64($0) } ?? []
        guard (1...100).contains(ids.count) else { throw HTTPError(.badRequest, message: "1 to 100 ids") }
        return try await catalog.notes(ids)
    }
    router.post("notes") { request, context -> EditedResponse<Note> in
        let draft = try await request.decode(as: NoteDraft.self, context: context)
        return EditedResponse(status: .created, response: try await catalog.add(draft.text))
    }
    router.put("notes/:id") { request, context -> Note in
        let draft = try await request.decode(as: NoteDraft.self, context: context)
        let note = Note(id: try context.parameters.require("id", as: Int64.self), text: draft.text)
        guard try await catalog.change(note) else { throw HTTPError(.notFound) }
        return note
    }
    router.delete("notes/:id") { _, context -> HTTPResponse.Status in
        let id = try context.parameters.require("id", as: Int64.self)
        return try await catalog.remove(id) ? .noContent : .notFound
    }
}

private func addDrafts(_ router: Router<NotesContext>, _ persist: some PersistDriver) {
    router.put("drafts/:name") { request, context -> HTTPResponse.Status in
        let text = String(buffer: try await request.body.collect(upTo: 64 << 10))
        try await persist.set(key: try context.parameters.require("name"), value: text, expires: .seconds(3600))
        return .noContent
    }
    router.get("drafts/:name") { _, context -> String in
        guard let text = try await persist.get(key: try context.parameters.require("name"), as: String.self) else {
            throw HTTPError(.notFound)
        }
        return text
    }
}

/// Requests with the address they come from.
public struct NotesContext: RequestContext, RemoteAddressRequestContext {
    public var coreContext: CoreRequestContextStorage
    public let remoteAddress: SocketAddress?

    public init(source: Source) {
        coreContext = CoreRequestContextStorage(source: source)
        remoteAddress = source.channel.remoteAddress
    }
}

/// So many requests from one address, over all processes of the service.
struct RateLimit: RouterMiddleware {
    let limiter: RateLimiter

    init(_ limiter: RateLimiter) { self.limiter = limiter }

    func handle(
        _ request: Request, context: NotesContext, next: (Request, NotesContext) async throws -> Response
    ) async throws -> Response {
        let decision = await limiter.allows(context.remoteAddress?.ipAddress ?? "unknown")
        guard decision.isAllowed else {
            let seconds = max(decision.retryAfter.components.seconds, 1)
            throw HTTPError(.tooManyRequests, headers: [.retryAfter: "\(seconds)"])
        }
        return try await next(request, context)
    }
}

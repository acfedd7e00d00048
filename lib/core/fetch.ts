// The network as the program uses it, handed in so that nothing else sends a request.

/** The part of the runtime's `fetch` that is used. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

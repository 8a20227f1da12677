// Package mockapi is the stand-in for the Inventory Update API: an http.Handler that judges each request strictly by
// the documented API, keeps what it was told, and can be made slow, limited or faulty in every way an answer goes wrong.
// It shares no code with the client that it judges.
//
// # What it serves
//
//	POST /api/product/inventory  the documented API; any fault may take the place of its answer
//	GET  /state                  what it holds and has counted, one JSON document; ?history=1 adds each key's requests,
//	                             ?since=N leaves out the keys that did not change after the document's "changes" was N
//	POST /control                its switches (see Control), with the same bearer token
//
// # How a request is judged, in this order
//
//	405  another method                          401  no bearer token, two of them, or the wrong one
//	413  a body over 64 KiB                      415  another Content-Type, or a Content-Encoding
//	400  not one flat JSON object of known fields, each at most once, of the right type; a query
//	422  a missing field, a code that is empty or too long, both upc and sku, a quantity below 0
//	404  a product or store that is not known    200  applied: {"success":true}
//
// A code of `size` or `width` may be empty, but must be there. An injected fault, SetDown and the rate limit answer in
// place of all these but 405; what is wrong with the request is noted all the same.
//
// # Promises
//
//  1. A key holds the quantity applied last. A request that is refused, or whose fault says so, is never applied.
//  2. A late application (see ApplyLate) happens at its time to the nanosecond as seen by every later request and look,
//     over whatever was applied before, as a request does that lay in a proxy.
//  3. Check tells of each malformed request, and of each one that came while another for its key was unanswered and not
//     given up. A client that gives up and sends again is not accused.
//  4. When an answer has reached its client, the request is counted and no longer in flight.
//  5. It starts no goroutine and reads no clock but package time's, so it works inside a testing/synctest bubble.
//  6. Memory is bounded by Options: keys, history of each key, journal, and 64 KiB for each request being read.
package mockapi

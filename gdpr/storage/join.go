package storage

import "context"

// Joiner is an optional ability: to write within a transaction that the application has begun and will end. An adapter offers a function that
// puts its kind of transaction into a context by [Join]. With such a context
//
//   - Apply and ApplyKeys must write within it and leave it usable when they fail: a batch that is refused must leave nothing in it;
//   - reads must see what was written in it.
type Joiner interface {
	// FreeLane must return a lane of the trail that no other open transaction writes to, with its last number and the MAC of that
	// entry, and keep it for the transaction of the context until that ends. A lane without entries has the number 0.
	FreeLane(ctx context.Context) (lane Lane, mac []byte, err error)
}

type joinKey struct{}

// Join returns a context in which batches are written within tx. For adapters.
func Join(ctx context.Context, tx any) context.Context { return context.WithValue(ctx, joinKey{}, tx) }

// Joined is the transaction of a context, or nil.
func Joined(ctx context.Context) any { return ctx.Value(joinKey{}) }

// Apart returns the same context without its transaction: for what must stay when that is rolled back.
func Apart(ctx context.Context) context.Context {
	if Joined(ctx) == nil {
		return ctx
	}
	return context.WithValue(ctx, joinKey{}, nil)
}

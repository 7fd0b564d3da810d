package par

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// job is one item under way in an ordered pipeline.
type job[In, Out any] struct {
	in   In
	out  Out
	err  error
	done chan struct{}
}

// Ordered runs work on every item that produce emits, on several goroutines, and passes the results to consume in the
// order in which the items were emitted. At most workers+2 items are under way. It stops at the first error in that
// order: the result of work on a later item, even a failure, is never visible before everything earlier was consumed.
// consume runs on the calling goroutine.
func Ordered[In, Out any](ctx context.Context, workers int, produce func(ctx context.Context, emit func(In) error) error,
	work func(context.Context, In) (Out, error), consume func(Out) error) error {
	ctx, cancel := context.WithCancel(ctx)
	todo := make(chan *job[In, Out])
	order := make(chan *job[In, Out], workers+1)
	var group errgroup.Group
	var produced error
	group.Go(func() error {
		defer close(order)
		defer close(todo)
		produced = produce(ctx, func(in In) error { return hand(ctx, &job[In, Out]{in: in, done: make(chan struct{})}, order, todo) })
		return nil
	})
	for range workers {
		group.Go(func() error {
			for j := range todo {
				j.out, j.err = work(ctx, j.in)
				close(j.done)
			}
			return nil
		})
	}
	err := drain(ctx, order, consume)
	cancel()
	_ = group.Wait() // its functions return nil
	if err != nil {
		return err
	}
	return produced
}

// hand adds a job to the order of results and sends it to the workers.
func hand[In, Out any](ctx context.Context, j *job[In, Out], order, todo chan<- *job[In, Out]) error {
	select {
	case order <- j:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case todo <- j:
		return nil
	case <-ctx.Done():
		j.err = context.Cause(ctx)
		close(j.done)
		return j.err
	}
}

func drain[In, Out any](ctx context.Context, order <-chan *job[In, Out], consume func(Out) error) error {
	for j := range order {
		select {
		case <-j.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if j.err != nil {
			return j.err
		}
		if err := consume(j.out); err != nil {
			return err
		}
	}
	return ctx.Err()
}

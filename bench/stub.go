package main

import "context"

func growthSection(ctx context.Context, b *bench) error { return nil }
func oldSection(ctx context.Context, b *bench) error    { return nil }
func (r *results) writeDocument(folder string) error    { return nil }

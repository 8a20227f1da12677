package main

import "context"

func idleSection(ctx context.Context, b *bench) error    { return nil }
func latencySection(ctx context.Context, b *bench) error { return nil }
func killSection(ctx context.Context, b *bench) error    { return nil }
func sizeSection(ctx context.Context, b *bench) error    { return nil }
func growthSection(ctx context.Context, b *bench) error  { return nil }
func oldSection(ctx context.Context, b *bench) error     { return nil }
func (r *results) writeDocument(folder string) error     { return nil }

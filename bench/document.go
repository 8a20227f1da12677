package main

func (r *results) writeDocument(folder string) error { return nil }

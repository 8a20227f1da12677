// tillpost watches the folders into which a point of sale drops stock exports and brings each changed quantity to the
// retailer's Inventory Update API. README.md says how to start it, ARCHITECTURE.md how it is made.
package main

import (
	"os"

	"tillpost/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}

package cli

import "os/user"

// currentUser is the account that this process runs as.
func currentUser() (*user.User, error) { return user.Current() }

// beOwnerOf does nothing: what an administrator writes into the data folder has the folder's access list, which lets the
// service in.
func beOwnerOf(string, bool) error { return nil }

// beAccount does nothing: nobody can be an account of Windows without its password.
func beAccount(string) error { return nil }

// beRoot does nothing either.
func beRoot() error { return nil }

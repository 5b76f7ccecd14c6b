//! Examples of using Deskwire from outside.

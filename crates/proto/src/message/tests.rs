//! Every kind survives the wire, and what does not belong there is told apart.

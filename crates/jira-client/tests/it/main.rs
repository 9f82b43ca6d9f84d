//! The client against a real HTTP server on the loopback interface, scripted for each test.

#[cfg(test)]
mod collections;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod issues;
#[cfg(test)]
mod people;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod retries;
#[cfg(test)]
mod searches;
#[cfg(test)]
mod server;
#[cfg(test)]
mod writes;

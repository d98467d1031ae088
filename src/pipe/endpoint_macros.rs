//! What ends of all kinds can.

/// Sending, through `self.writer()`.
macro_rules! impl_sender_methods {
    ([$($generics:tt)*] $object:ty, $message:ty) => {
        impl<$($generics)*> $object
        where
            $message: serde::Serialize,
        {
            /// Sends a message, waiting for room as long as it takes.
            ///
            /// # Errors
            /// `Disconnected` where the receiver is gone, `Closed`; `Encode`, `TooLarge`, `HandedOver`, `Corrupt`. The value comes
            /// back, and nothing of it is delivered. (An end of a queue or a pipe in it may have been given away by then.)
            #[doc(alias = "write")]
            pub fn send(&mut self, value: $message) -> Result<(), $crate::PushError<$message>> {
                self.send_value(value, $crate::raw::wait::Wait::Forever)
            }

            /// Sends a message if there is room.
            ///
            /// # Errors
            /// `Full`; `TooLarge` where it does not fit into half the ring, and so could only wait; those of
            /// [`send`](Self::send).
            pub fn try_send(&mut self, value: $message) -> Result<(), $crate::PushError<$message>> {
                self.send_value(value, $crate::raw::wait::Wait::NonBlocking)
            }

            /// Sends a message, waiting for room no longer than `timeout` (on the monotonic clock).
            ///
            /// # Errors
            /// `Timeout`, in the middle of a long message, too: then nothing of it is delivered; those of [`send`](Self::send).
            pub fn send_timeout(
                &mut self,
                value: $message,
                timeout: core::time::Duration,
            ) -> Result<(), $crate::PushError<$message>> {
                self.send_value(value, $crate::raw::wait::Wait::Timeout(timeout))
            }

            #[inline]
            fn send_value(
                &mut self,
                value: $message,
                wait: $crate::raw::wait::Wait,
            ) -> Result<(), $crate::PushError<$message>> {
                match self.writer().send(&value, wait) {
                    Ok(()) => Ok(()),
                    Err(error) => Err(error.with(value)),
                }
            }
        }

        impl<$($generics)*> $object {
            /// Sends bytes as they are, for one of the `recv_bytes` at the other end. Waits for room as long as it takes.
            ///
            /// # Errors
            /// Those of [`send`](Self::send), but for `Encode`.
            pub fn send_bytes(&mut self, message: &[u8]) -> Result<(), $crate::PushError<()>> {
                self.writer().write(message, $crate::raw::wait::Wait::Forever)
            }

            /// Sends bytes if there is room.
            ///
            /// # Errors
            /// Those of [`try_send`](Self::try_send), but for `Encode`.
            pub fn try_send_bytes(&mut self, message: &[u8]) -> Result<(), $crate::PushError<()>> {
                self.writer().write(message, $crate::raw::wait::Wait::NonBlocking)
            }

            /// Sends bytes, waiting for room no longer than `timeout`.
            ///
            /// # Errors
            /// Those of [`send_timeout`](Self::send_timeout), but for `Encode`.
            pub fn send_bytes_timeout(
                &mut self,
                message: &[u8],
                timeout: core::time::Duration,
            ) -> Result<(), $crate::PushError<()>> {
                self.writer().write(message, $crate::raw::wait::Wait::Timeout(timeout))
            }
        }
    };
}
pub(super) use impl_sender_methods;

/// Receiving, through `self.reader()`.
macro_rules! impl_receiver_methods {
    ([$($generics:tt)*] $object:ty, $message:ty) => {
        impl<$($generics)*> $object
        where
            $message: serde::de::DeserializeOwned,
        {
            /// Receives the next message, waiting for one as long as it takes.
            ///
            /// # Errors
            /// `Disconnected` at the end of file: the sender is gone, and everything it sent has been received. Before that, once,
            /// `Truncated` where it went in the middle of a message. `Closed`; `Decode` where the message is none of this type: it is
            /// taken out all the same; `HandedOver`, `Corrupt`.
            #[doc(alias = "read")]
            pub fn recv(&mut self) -> Result<$message, $crate::PopError> {
                self.reader().recv($crate::raw::wait::Wait::Forever)
            }

            /// Receives the next message if it is there, all of it.
            ///
            /// # Errors
            /// `Empty`, and those of [`recv`](Self::recv).
            pub fn try_recv(&mut self) -> Result<$message, $crate::PopError> {
                self.reader().recv($crate::raw::wait::Wait::NonBlocking)
            }

            /// Receives the next message, waiting for it no longer than `timeout` (on the monotonic clock). What has come of a long
            /// one by then is kept for the next attempt.
            ///
            /// # Errors
            /// `Timeout`, and those of [`recv`](Self::recv).
            pub fn recv_timeout(
                &mut self,
                timeout: core::time::Duration,
            ) -> Result<$message, $crate::PopError> {
                self.reader().recv($crate::raw::wait::Wait::Timeout(timeout))
            }

            /// The messages one by one, until the end of file.
            pub fn iter(&mut self) -> $crate::pipe::Messages<'_, $message> {
                $crate::pipe::Messages::new(self.reader())
            }
        }

        impl<$($generics)*> $object {
            /// Receives the next message as it is, whoever sent it and how. Waits for one as long as it takes.
            ///
            /// # Errors
            /// Those of [`recv`](Self::recv), but for `Decode`.
            pub fn recv_bytes(&mut self) -> Result<Vec<u8>, $crate::PopError> {
                self.reader().read($crate::raw::wait::Wait::Forever)
            }

            /// Receives the next message as it is, if it is there.
            ///
            /// # Errors
            /// Those of [`try_recv`](Self::try_recv), but for `Decode`.
            pub fn try_recv_bytes(&mut self) -> Result<Vec<u8>, $crate::PopError> {
                self.reader().read($crate::raw::wait::Wait::NonBlocking)
            }

            /// Receives the next message as it is, waiting for it no longer than `timeout`.
            ///
            /// # Errors
            /// Those of [`recv_timeout`](Self::recv_timeout), but for `Decode`.
            pub fn recv_bytes_timeout(
                &mut self,
                timeout: core::time::Duration,
            ) -> Result<Vec<u8>, $crate::PopError> {
                self.reader().read($crate::raw::wait::Wait::Timeout(timeout))
            }

            /// Receives the next message into `space`, and says how long it is. Waits for one as long as it takes.
            ///
            /// # Errors
            /// `TooShort` where the message is longer than `space`: it can still be received. Those of
            /// [`recv_bytes`](Self::recv_bytes).
            pub fn recv_bytes_into(&mut self, space: &mut [u8]) -> Result<usize, $crate::PopError> {
                self.reader().read_into(space, $crate::raw::wait::Wait::Forever)
            }

            /// Receives the next message into `space` if it is there.
            ///
            /// # Errors
            /// `TooShort`, and those of [`try_recv_bytes`](Self::try_recv_bytes).
            pub fn try_recv_bytes_into(&mut self, space: &mut [u8]) -> Result<usize, $crate::PopError> {
                self.reader().read_into(space, $crate::raw::wait::Wait::NonBlocking)
            }

            /// Receives the next message into `space`, waiting for it no longer than `timeout`.
            ///
            /// # Errors
            /// `TooShort`, and those of [`recv_bytes_timeout`](Self::recv_bytes_timeout).
            pub fn recv_bytes_into_timeout(
                &mut self,
                space: &mut [u8],
                timeout: core::time::Duration,
            ) -> Result<usize, $crate::PopError> {
                self.reader().read_into(space, $crate::raw::wait::Wait::Timeout(timeout))
            }

            /// Whether a `recv` would not wait now: a message is there, all of it, or the end of file, or an error.
            pub fn poll(&mut self) -> bool {
                self.reader().is_ready($crate::raw::wait::Wait::NonBlocking)
            }

            /// The same, waiting for it no longer than `timeout`. See [`wait`](crate::pipe::wait()) for several at once.
            pub fn poll_timeout(&mut self, timeout: core::time::Duration) -> bool {
                self.reader().is_ready($crate::raw::wait::Wait::Timeout(timeout))
            }
        }

        impl<$($generics)*> $crate::pipe::wait::sealed::Sealed for $object {
            fn is_ready(&mut self) -> bool {
                self.poll()
            }

            fn source(&self) -> $crate::pipe::wait::sealed::ReadySource<'_> {
                $crate::pipe::wait::sealed::ReadySource::of(self.consumer().event())
            }

            fn check_peers(&self) {
                self.consumer().check_peers();
            }
        }
    };
}
pub(super) use impl_receiver_methods;

//! The blocking operations of all kinds of ends, by macros.

/// The sending operations, through `self.writer()`.
macro_rules! impl_sender_methods {
    ([$($generics:tt)*] $object:ty, $message:ty) => {
        impl<$($generics)*> $object
        where
            $message: serde::Serialize,
        {
            /// Sends a message. Waits for room in the ring.
            ///
            /// # Errors
            /// Each error returns the value, and no part of it is delivered. An end of a queue or a
            /// pipe in the value may have been given away all the same.
            /// - [`PushError::Disconnected`](crate::PushError::Disconnected) if the receiver is
            ///   gone.
            /// - [`PushError::Closed`](crate::PushError::Closed) if the pipe was closed before the
            ///   message was sent.
            /// - [`PushError::Encode`](crate::PushError::Encode) if the value cannot be encoded.
            /// - [`PushError::TooLarge`](crate::PushError::TooLarge) if the message is longer than
            ///   [`max_message`](crate::pipe::PipeBuilder::max_message).
            /// - [`PushError::HandedOver`](crate::PushError::HandedOver) if this end was
            ///   serialised, or this process was forked from the one that has it.
            /// - [`PushError::Corrupt`](crate::PushError::Corrupt) if the ring is damaged.
            #[doc(alias = "write")]
            pub fn send(&mut self, value: $message) -> Result<(), $crate::PushError<$message>> {
                self.send_value(value, $crate::raw::wait::Wait::Forever)
            }

            /// Sends a message if there is room for it, without waiting.
            ///
            /// # Errors
            /// - [`PushError::Full`](crate::PushError::Full) if there is no room for the message
            ///   now.
            /// - [`PushError::TooLarge`](crate::PushError::TooLarge) if the message does not fit
            ///   into half the ring, so that it cannot be sent without waiting.
            /// - Those of [`send`](Self::send).
            pub fn try_send(&mut self, value: $message) -> Result<(), $crate::PushError<$message>> {
                self.send_value(value, $crate::raw::wait::Wait::NonBlocking)
            }

            /// Sends a message. Waits for room in the ring, for at most `timeout` on the monotonic
            /// clock.
            ///
            /// # Errors
            /// - [`PushError::Timeout`](crate::PushError::Timeout) if there was no room until then,
            ///   also in the middle of a long message: no part of it is delivered.
            /// - Those of [`send`](Self::send).
            pub fn send_timeout(
                &mut self,
                value: $message,
                timeout: core::time::Duration,
            ) -> Result<(), $crate::PushError<$message>> {
                self.send_value(value, $crate::raw::wait::Wait::Until(&$crate::raw::wait::Timeout::new(timeout)))
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
            /// Sends bytes without encoding them, for a `recv_bytes` operation at the other end.
            /// Waits for room in the ring.
            ///
            /// # Errors
            /// Those of [`send`](Self::send), except
            /// [`PushError::Encode`](crate::PushError::Encode).
            #[doc(alias = "write")]
            pub fn send_bytes(&mut self, message: &[u8]) -> Result<(), $crate::PushError<()>> {
                self.writer().write(message, $crate::raw::wait::Wait::Forever)
            }

            /// Sends bytes without encoding them if there is room for them, without waiting.
            ///
            /// # Errors
            /// Those of [`try_send`](Self::try_send), except
            /// [`PushError::Encode`](crate::PushError::Encode).
            pub fn try_send_bytes(&mut self, message: &[u8]) -> Result<(), $crate::PushError<()>> {
                self.writer().write(message, $crate::raw::wait::Wait::NonBlocking)
            }

            /// Sends bytes without encoding them. Waits for room in the ring, for at most
            /// `timeout`.
            ///
            /// # Errors
            /// Those of [`send_timeout`](Self::send_timeout), except
            /// [`PushError::Encode`](crate::PushError::Encode).
            pub fn send_bytes_timeout(
                &mut self,
                message: &[u8],
                timeout: core::time::Duration,
            ) -> Result<(), $crate::PushError<()>> {
                self.writer().write(message, $crate::raw::wait::Wait::Until(&$crate::raw::wait::Timeout::new(timeout)))
            }
        }
    };
}
pub(super) use impl_sender_methods;

/// The receiving operations, through `self.reader()`.
macro_rules! impl_receiver_methods {
    ([$($generics:tt)*] $object:ty, $message:ty) => {
        impl<$($generics)*> $object
        where
            $message: serde::de::DeserializeOwned,
        {
            /// Receives the next message. Waits for one.
            ///
            /// # Errors
            /// - [`PopError::Disconnected`](crate::PopError::Disconnected) at the end of file: the
            ///   sender is gone, and everything that it sent has been received.
            /// - [`PopError::Closed`](crate::PopError::Closed) if the pipe is closed, and
            ///   everything that was sent has been received.
            /// - [`PopError::Truncated`](crate::PopError::Truncated), once, if the sender died or
            ///   timed out in the middle of a message. The next message can be received.
            /// - [`PopError::Decode`](crate::PopError::Decode) if the message is not of this type.
            ///   It has been taken out, and the next message can be received.
            /// - [`PopError::HandedOver`](crate::PopError::HandedOver) if this end was serialised,
            ///   or this process was forked from the one that has it.
            /// - [`PopError::Corrupt`](crate::PopError::Corrupt) if the ring is damaged.
            #[doc(alias = "read")]
            pub fn recv(&mut self) -> Result<$message, $crate::PopError> {
                self.reader().recv($crate::raw::wait::Wait::Forever)
            }

            /// Receives the next message if all of it has arrived, without waiting.
            ///
            /// # Errors
            /// - [`PopError::Empty`](crate::PopError::Empty) if no message has arrived completely.
            /// - Those of [`recv`](Self::recv).
            pub fn try_recv(&mut self) -> Result<$message, $crate::PopError> {
                self.reader().recv($crate::raw::wait::Wait::NonBlocking)
            }

            /// Receives the next message. Waits for it, for at most `timeout` on the monotonic
            /// clock. The part of a long message that has arrived by then is kept for the next
            /// attempt.
            ///
            /// # Errors
            /// - [`PopError::Timeout`](crate::PopError::Timeout) if no message has arrived
            ///   completely by then.
            /// - Those of [`recv`](Self::recv).
            pub fn recv_timeout(
                &mut self,
                timeout: core::time::Duration,
            ) -> Result<$message, $crate::PopError> {
                self.reader().recv($crate::raw::wait::Wait::Until(&$crate::raw::wait::Timeout::new(timeout)))
            }

            /// An iterator that receives messages until the end of file, waiting for each. It
            /// yields a `Result`; see [`Messages`](crate::pipe::Messages).
            pub fn iter(&mut self) -> $crate::pipe::Messages<'_, $message> {
                $crate::pipe::Messages::new(self.reader())
            }
        }

        impl<$($generics)*> $object {
            /// Receives the bytes of the next message, without decoding it. Waits for one.
            ///
            /// # Errors
            /// Those of [`recv`](Self::recv), except [`PopError::Decode`](crate::PopError::Decode).
            #[doc(alias = "read")]
            pub fn recv_bytes(&mut self) -> Result<Vec<u8>, $crate::PopError> {
                self.reader().read($crate::raw::wait::Wait::Forever)
            }

            /// Receives the bytes of the next message if all of it has arrived, without waiting.
            ///
            /// # Errors
            /// Those of [`try_recv`](Self::try_recv), except
            /// [`PopError::Decode`](crate::PopError::Decode).
            pub fn try_recv_bytes(&mut self) -> Result<Vec<u8>, $crate::PopError> {
                self.reader().read($crate::raw::wait::Wait::NonBlocking)
            }

            /// Receives the bytes of the next message. Waits for it, for at most `timeout`.
            ///
            /// # Errors
            /// Those of [`recv_timeout`](Self::recv_timeout), except
            /// [`PopError::Decode`](crate::PopError::Decode).
            pub fn recv_bytes_timeout(
                &mut self,
                timeout: core::time::Duration,
            ) -> Result<Vec<u8>, $crate::PopError> {
                self.reader().read($crate::raw::wait::Wait::Until(&$crate::raw::wait::Timeout::new(timeout)))
            }

            /// Receives the bytes of the next message into `space`, and returns their number. Waits
            /// for a message.
            ///
            /// # Errors
            /// - [`PopError::TooShort`](crate::PopError::TooShort) if the message is longer than
            ///   `space`. It can still be received.
            /// - Those of [`recv_bytes`](Self::recv_bytes).
            pub fn recv_bytes_into(&mut self, space: &mut [u8]) -> Result<usize, $crate::PopError> {
                self.reader().read_into(space, $crate::raw::wait::Wait::Forever)
            }

            /// Receives the bytes of the next message into `space` if all of it has arrived,
            /// without waiting, and returns their number.
            ///
            /// # Errors
            /// - [`PopError::TooShort`](crate::PopError::TooShort) if the message is longer than
            ///   `space`. It can still be received.
            /// - Those of [`try_recv_bytes`](Self::try_recv_bytes).
            pub fn try_recv_bytes_into(&mut self, space: &mut [u8]) -> Result<usize, $crate::PopError> {
                self.reader().read_into(space, $crate::raw::wait::Wait::NonBlocking)
            }

            /// Receives the bytes of the next message into `space`, and returns their number. Waits
            /// for a message, for at most `timeout`.
            ///
            /// # Errors
            /// - [`PopError::TooShort`](crate::PopError::TooShort) if the message is longer than
            ///   `space`. It can still be received.
            /// - Those of [`recv_bytes_timeout`](Self::recv_bytes_timeout).
            pub fn recv_bytes_into_timeout(
                &mut self,
                space: &mut [u8],
                timeout: core::time::Duration,
            ) -> Result<usize, $crate::PopError> {
                self.reader().read_into(space, $crate::raw::wait::Wait::Until(&$crate::raw::wait::Timeout::new(timeout)))
            }

            /// Whether [`recv`](Self::recv) would return without waiting: a whole message has
            /// arrived, or the end of file, or an error.
            #[doc(alias = "poll")]
            pub fn is_ready(&mut self) -> bool {
                self.reader().is_ready($crate::raw::wait::Wait::NonBlocking)
            }

            /// Waits until [`recv`](Self::recv) would return without waiting, for at most
            /// `timeout`, and returns whether it would. [`wait`](crate::pipe::wait()) waits for
            /// several ends at once.
            #[doc(alias = "poll")]
            pub fn wait_timeout(&mut self, timeout: core::time::Duration) -> bool {
                self.reader().is_ready($crate::raw::wait::Wait::Until(&$crate::raw::wait::Timeout::new(timeout)))
            }
        }

        impl<$($generics)*> $crate::pipe::wait::sealed::Sealed for $object {
            fn is_ready(&mut self) -> bool {
                self.reader().is_ready($crate::raw::wait::Wait::NonBlocking)
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

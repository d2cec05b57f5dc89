create table customer (
    id integer primary key,
    name text not null
);

create table visit (
    id integer generated always as identity primary key,
    customer_id integer not null references customer
);

insert into customer values (1, 'ann');
